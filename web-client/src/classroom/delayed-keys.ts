import type { Peer } from "../generated/signal/Peer";
import type { Track } from "../generated/signal/Track";
import { materialOf, trackOf } from "../live/room-state";

/** The key a track is recorded under: the teacher's, or of a classroom that is on stage. */
export function pictureKey(track: Track | undefined, guest: Peer | null): string | null {
  if (track === undefined) return null;
  return `${guest === null ? "teacher" : `classroom-${(guest.classroom ?? guest.id).slice(-8)}`}-${track.source}`;
}

/** What of the recording is to be seen and heard now. */
export function delayedKeys(teacher: Peer | undefined, guests: readonly Peer[]): string[] {
  const camera = trackOf(teacher, "camera");
  const wanted = [
    pictureKey(trackOf(teacher, "microphone"), null),
    camera?.muted === true ? null : pictureKey(camera, null),
    pictureKey(materialOf(teacher), null),
    pictureKey(trackOf(teacher, "screen_audio"), null),
  ];
  for (const guest of guests)
    for (const track of guest.tracks)
      if (track.flowing && !(track.source === "microphone" && guest.silenced)) wanted.push(pictureKey(track, guest));
  return wanted.filter((key) => key !== null);
}
