// The light build comes without types of its own: it has the whole one's, and lacks subtitles, DRM and alternate sound.
declare module "hls.js/light" {
  export { default } from "hls.js";
}
