import type { ReactNode } from "react";
import { TrackVideo } from "./media";

export interface ProgrammeProps {
  material: MediaStreamTrack | null;
  camera: MediaStreamTrack | null;
  cameraName: string;
  materialName: string;
  stage: { id: string; name: string; media: MediaStreamTrack | null }[];
  /** Stands where there is no picture. */
  empty: ReactNode;
}

/** What classrooms see, laid out as they see it: the material fills, the camera and the stage stand beside it. */
export function Programme({ material, camera, cameraName, materialName, stage, empty }: ProgrammeProps) {
  const beside = material !== null || stage.length > 0;
  return (
    <div className="programme" data-beside={beside && (camera !== null || stage.length > 0) ? "yes" : "no"}>
      {material !== null && (
        <div className="programme-main">
          <TrackVideo media={material} name={materialName} />
        </div>
      )}
      {camera !== null && (
        <div className={material === null ? "programme-main" : "programme-side"}>
          <TrackVideo media={camera} name={cameraName} />
        </div>
      )}
      {material === null && camera === null && <div className="programme-main programme-empty">{empty}</div>}
      {stage.map((guest) => (
        <div key={guest.id} className="programme-side programme-guest">
          <TrackVideo media={guest.media} name={guest.name} />
          <span className="programme-name one-line">{guest.name}</span>
        </div>
      ))}
    </div>
  );
}
