import { AudioOutlined, CheckCircleFilled, ExclamationCircleFilled, VideoCameraOutlined } from "@ant-design/icons";
import { Button, Select } from "antd";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { useStore } from "../../components/hooks";
import { deviceHow } from "../../live/browser";
import type { Devices, LocalDevice, LocalSource } from "../../live/devices";
import type { LiveSession } from "../../live/live-session";
import { Level } from "./StageList";

/** A level that speech reaches and a quiet room does not. */
const SPEECH = 25;

/** Before the lesson: camera, microphone with a meter that must move, second picture. */
export function Check({ session, devices }: { session: LiveSession; devices: Devices }) {
  const { t } = useTranslation();
  const local = useStore(devices.state);
  const level = useMicrophoneLevel(session);
  const [heard, setHeard] = useState(false);
  if (!heard && level >= SPEECH) setHeard(true);
  return (
    <section className="check" aria-label={t("live.check")}>
      <h2>{t("live.check")}</h2>
      <div className="check-row">
        <Sign good={local.camera.state === "on"} />
        <VideoCameraOutlined />
        <DeviceSelect devices={devices} source="camera" kind="videoinput" name={t("live.chooseCamera")} />
      </div>
      <DeviceTroubleText device={local.camera} source="camera" retry={() => void devices.startCamera()} />
      <div className="check-row">
        <Sign good={local.microphone.state === "on" && heard} />
        <AudioOutlined />
        <DeviceSelect devices={devices} source="microphone" kind="audioinput" name={t("live.chooseMicrophone")} />
        <Level level={level} />
      </div>
      {local.microphone.state === "on" && (
        <p className="check-hint" role="status">
          {heard ? t("live.meterMoves") : t("live.meterStill")}
        </p>
      )}
      <DeviceTroubleText device={local.microphone} source="microphone" retry={() => void devices.startMicrophone()} />
      <p className="check-hint">{t("live.secondHint")}</p>
      {local.document.state === "on" && (
        <div className="check-row">
          <Sign good />
          <DeviceSelect devices={devices} source="document" kind="videoinput" name={t("live.chooseDocument")} />
        </div>
      )}
      <DeviceTroubleText device={local.document} source="document" retry={() => void devices.startDocument()} />
      <DeviceTroubleText device={local.screen} source="screen" retry={() => void devices.startScreen()} />
    </section>
  );
}

/** The own microphone's level, ten times a second. */
export function useMicrophoneLevel(session: LiveSession): number {
  const [level, setLevel] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setLevel(session.microphoneLevel()), 100);
    return () => clearInterval(timer);
  }, [session]);
  return level;
}

function Sign({ good }: { good: boolean }) {
  return good ? <CheckCircleFilled className="sign-good" /> : <ExclamationCircleFilled className="sign-weak" />;
}

interface DeviceSelectProps {
  devices: Devices;
  source: "camera" | "microphone" | "document";
  kind: MediaDeviceKind;
  name: string;
}

function DeviceSelect({ devices, source, kind, name }: DeviceSelectProps) {
  const known = useStore(devices.known).filter((device) => device.kind === kind && device.deviceId !== "");
  const device = useStore(devices.state)[source];
  const { t } = useTranslation();
  const used = device.track?.getSettings().deviceId;
  const choose = (id: string): void => {
    if (source === "camera") void devices.startCamera(id);
    else if (source === "microphone") void devices.startMicrophone(id);
    else void devices.startDocument(id);
  };
  return (
    <Select
      className="check-select"
      aria-label={name}
      value={used ?? null}
      placeholder={device.state === "asking" ? t("device.asking") : t("device.off")}
      onChange={(id: string | null) => {
        if (id !== null) choose(id);
      }}
      options={known.map(({ deviceId, label }) => ({ value: deviceId, label: label === "" ? name : label }))}
    />
  );
}

/** What is wrong with a device, and how to mend it in the browser in use. */
export function DeviceTroubleText({
  device,
  source,
  retry,
}: {
  device: LocalDevice;
  source: LocalSource;
  retry: () => void;
}) {
  const { t } = useTranslation();
  if (device.trouble === null || device.trouble === "cancelled") return null;
  const what = t(`device.${source}`);
  return (
    <p className="check-trouble" role="alert">
      {t(`device.${device.trouble}`, { what, how: t(`device.${deviceHow(navigator.userAgent)}`, { what }) })}
      <Button size="small" onClick={retry}>
        {t("device.retry")}
      </Button>
    </p>
  );
}
