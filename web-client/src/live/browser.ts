/** Which of the texts on how to allow a camera fits the browser. */
export function deviceHow(userAgent: string): "howChrome" | "howFirefox" | "howSafari" | "howOther" {
  if (/Firefox\//.test(userAgent)) return "howFirefox";
  // Edge, 360 and QQ say "Chrome" too and have the same icon at the same place.
  if (/Chrome\/|Chromium\//.test(userAgent)) return "howChrome";
  if (/Safari\//.test(userAgent)) return "howSafari";
  return "howOther";
}
