import {
  AudioMutedOutlined,
  AudioOutlined,
  DesktopOutlined,
  FileImageOutlined,
  VideoCameraOutlined,
} from "@ant-design/icons";
import { Button } from "antd";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { useStore } from "../../components/hooks";
import type { Devices } from "../../live/devices";
import type { LiveSession } from "../../live/live-session";
import { DeviceTroubleText, useMicrophoneLevel } from "./Check";
import { Level } from "./StageList";
import { type Teach, useShortcuts } from "./useTeach";

interface DeskProps {
  session: LiveSession;
  devices: Devices;
  live: boolean;
  teach: Teach;
}

/** The foot of the page: own sources with their keys, and the one primary action. */
export function Desk({ session, devices, live, teach }: DeskProps) {
  const { t } = useTranslation();
  const local = useStore(devices.state);
  const line = useStore(session.connection.state);
  const { muted, cameraOff } = useStore(session.publishing);
  const level = useMicrophoneLevel(session);
  const [starting, setStarting] = useState(false);
  useShortcuts({
    m: teach.toggleMute,
    v: teach.toggleCamera,
    s: teach.toggleScreen,
    d: teach.toggleDocument,
    ...(live ? { e: teach.end } : {}),
  });
  const start = async (): Promise<void> => {
    setStarting(true);
    await teach.carryOut({ do: "start" });
    setStarting(false);
  };
  return (
    <footer className="desk">
      <Source
        name={muted ? t("live.unmute") : t("live.mute")}
        keyName="M"
        on={!muted}
        bad={muted}
        press={teach.toggleMute}
      >
        {muted ? <AudioMutedOutlined /> : <AudioOutlined />}
      </Source>
      <Level level={muted ? 0 : level} />
      <Source
        name={t("live.camera")}
        keyName="V"
        on={!cameraOff && local.camera.state === "on"}
        bad={cameraOff}
        press={teach.toggleCamera}
      >
        <VideoCameraOutlined />
      </Source>
      <Source
        name={local.screen.state === "on" ? t("live.stopScreen") : t("live.screen")}
        keyName="S"
        on={local.screen.state === "on"}
        press={teach.toggleScreen}
      >
        <DesktopOutlined />
      </Source>
      <Source
        name={local.document.state === "on" ? t("live.stopDocument") : t("live.document")}
        keyName="D"
        on={local.document.state === "on"}
        press={teach.toggleDocument}
      >
        <FileImageOutlined />
      </Source>
      <span className="desk-gap">
        {live && (
          <>
            <DeviceTroubleText device={local.camera} source="camera" retry={() => void devices.startCamera()} />
            <DeviceTroubleText
              device={local.microphone}
              source="microphone"
              retry={() => void devices.startMicrophone()}
            />
            <DeviceTroubleText device={local.document} source="document" retry={() => void devices.startDocument()} />
            <DeviceTroubleText device={local.screen} source="screen" retry={() => void devices.startScreen()} />
          </>
        )}
      </span>
      {live ? (
        <button type="button" className="desk-end" data-armed={teach.endArmed} onClick={teach.end}>
          {teach.endArmed ? t("live.endConfirm") : t("live.end")} <kbd>E</kbd>
        </button>
      ) : (
        <Button
          type="primary"
          className="desk-start"
          loading={starting}
          disabled={line.kind !== "up"}
          onClick={() => void start()}
        >
          {t("live.start")}
        </Button>
      )}
    </footer>
  );
}

interface SourceProps {
  name: string;
  keyName: string;
  on: boolean;
  bad?: boolean;
  press: () => void;
  children: ReactNode;
}

function Source({ name, keyName, on, bad = false, press, children }: SourceProps) {
  return (
    <button type="button" className="desk-source" aria-pressed={on} data-bad={bad} onClick={press}>
      {children}
      <span>{name}</span>
      <kbd>{keyName}</kbd>
    </button>
  );
}
