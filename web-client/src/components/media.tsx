import { useEffect, useRef } from "react";

/** Shows a track; the last picture stays when the track pauses. */
export function TrackVideo({
  media,
  name,
  mirrored = false,
}: {
  media: MediaStreamTrack | null;
  name: string;
  mirrored?: boolean;
}) {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    const element = video.current;
    if (element === null) return;
    element.srcObject = media === null ? null : new MediaStream([media]);
    if (media !== null) void element.play().catch(() => undefined);
    return () => {
      element.srcObject = null;
    };
  }, [media]);
  return <video ref={video} muted playsInline autoPlay aria-label={name} data-mirrored={mirrored} />;
}

/** Plays a sound track. `blocked` is told when the browser wants a key or click first; then any will do. */
export function TrackAudio({ media, blocked }: { media: MediaStreamTrack; blocked: (blocked: boolean) => void }) {
  const audio = useRef<HTMLAudioElement>(null);
  const tell = useRef(blocked);
  useEffect(() => {
    tell.current = blocked;
  });
  useEffect(() => {
    const element = audio.current;
    if (element === null) return;
    const play = (): void => {
      element.play().then(
        () => {
          tell.current(false);
          leave();
        },
        (error: unknown) => {
          if (error instanceof Error && error.name === "NotAllowedError") tell.current(true);
        },
      );
    };
    const leave = (): void => {
      window.removeEventListener("pointerdown", play);
      window.removeEventListener("keydown", play);
    };
    window.addEventListener("pointerdown", play);
    window.addEventListener("keydown", play);
    element.srcObject = new MediaStream([media]);
    play();
    return () => {
      leave();
      element.srcObject = null;
    };
  }, [media]);
  return <audio ref={audio} />;
}
