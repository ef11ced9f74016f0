import { useTranslation } from "react-i18next";
import { useStore } from "../../components/hooks";
import { Programme } from "../../components/Programme";
import type { Room } from "../../generated/signal/Room";
import type { Devices } from "../../live/devices";
import type { LiveSession } from "../../live/live-session";
import { stageOf, trackOf } from "../../live/room-state";

/** The programme as classrooms see it, from what is captured here. */
export function Preview({ session, devices, room }: { session: LiveSession; devices: Devices; room: Room }) {
  const { t } = useTranslation();
  const local = useStore(devices.state);
  const remote = useStore(session.media.remote);
  const { cameraOff } = useStore(session.publishing);
  const guests = stageOf(room).map((peer) => ({
    id: peer.id,
    name: peer.name,
    media: remote.get(trackOf(peer, "camera")?.id ?? "")?.media ?? null,
  }));
  return (
    <Programme
      material={local.screen.track ?? local.document.track}
      camera={cameraOff ? null : local.camera.track}
      cameraName={t("live.camera")}
      materialName={local.screen.track !== null ? t("live.screen") : t("live.document")}
      stage={guests}
      empty={cameraOff ? t("live.cameraOff") : t("live.noPicture")}
    />
  );
}
