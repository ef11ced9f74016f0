import { CheckCircleFilled } from "@ant-design/icons";
import { Button, Empty, Input, Result } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link, useSearchParams } from "react-router";
import { api, ApiError, type ClassroomDetail } from "../api/client";
import { useLoad, useTitle } from "../components/hooks";
import { Trouble, useErrorText, Waiting } from "../components/Trouble";

/** Where an administrator's phone lands by the QR code of a classroom's screen: choose the classroom, done. */
export default function PairPage() {
  const { t } = useTranslation();
  useTitle(t("pair.title"));
  const [address, setAddress] = useSearchParams();
  const code = digitsOf(address.get("code") ?? "");
  const [paired, setPaired] = useState<ClassroomDetail | null>(null);
  const { data, error, reload } = useLoad("classrooms", (signal) => api.classrooms(signal));
  const another = (): void => {
    setPaired(null);
    setAddress({}, { replace: true });
  };
  if (data === null) return error !== null ? <Trouble whole error={error} retry={reload} /> : <Waiting />;
  if (paired !== null) return <Done room={paired} another={another} />;
  return (
    <div className="pair-page">
      <h1>{t("pair.title")}</h1>
      <label className="filter">
        <span>{t("pair.code")}</span>
        <Input
          className="pair-digits"
          size="large"
          inputMode="numeric"
          autoComplete="off"
          autoFocus={code === ""}
          value={code.length > 3 ? `${code.slice(0, 3)} ${code.slice(3)}` : code}
          onChange={(event) => {
            const typed = digitsOf(event.target.value);
            setAddress(typed === "" ? {} : { code: typed }, { replace: true });
          }}
        />
      </label>
      <Choice rooms={data} code={code} done={setPaired} />
    </div>
  );
}

const DIGITS = 6;

function digitsOf(text: string): string {
  return text.replaceAll(/\D/g, "").slice(0, DIGITS);
}

interface ChoiceProps {
  rooms: ClassroomDetail[];
  code: string;
  done: (room: ClassroomDetail) => void;
}

/** The classrooms of the region, one to be chosen; those without a screen first. */
function Choice({ rooms, code, done }: ChoiceProps) {
  const { t } = useTranslation();
  const errorText = useErrorText();
  const [search, setSearch] = useState("");
  const [chosen, setChosen] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState<string | null>(null);
  const list = rooms
    .filter((room) => `${room.name} ${room.school.name} ${room.school.region}`.includes(search))
    .sort((a, b) => Number(a.terminals.length > 0) - Number(b.terminals.length > 0));
  const room = rooms.find(({ id }) => id === chosen);
  const pair = async (): Promise<void> => {
    if (room === undefined) return;
    setBusy(true);
    setRefused(null);
    try {
      done(await api.pairClaim(code, room.id));
    } catch (error) {
      setRefused(error instanceof ApiError ? error.code : "internal");
      setBusy(false);
    }
  };
  return (
    <>
      <Input
        type="search"
        allowClear
        aria-label={t("admin.search")}
        placeholder={t("admin.search")}
        value={search}
        onChange={(event) => setSearch(event.target.value)}
      />
      {list.length === 0 ? (
        <Empty description={rooms.length === 0 ? t("admin.noClassrooms") : t("pair.noMatch")} />
      ) : (
        <fieldset className="pair-rooms">
          <legend className="visually-hidden">{t("pair.where")}</legend>
          {list.map((entry) => (
            <label key={entry.id} className="pair-room" title={`${entry.name} ${entry.school.name}`}>
              <input type="radio" name="room" checked={entry.id === chosen} onChange={() => setChosen(entry.id)} />
              <span className="pair-room-text">
                <strong className="two-lines">{entry.name}</strong>
                <small className="quiet two-lines">{entry.school.name}</small>
              </span>
              {entry.terminals.length > 0 && (
                <small className="quiet">{t("pair.has", { count: entry.terminals.length })}</small>
              )}
            </label>
          ))}
        </fieldset>
      )}
      <div className="pair-foot">
        {refused !== null && (
          <p role="alert" className="pair-refused">
            {errorText(refused)} <small>{t("error.code", { code: refused })}</small>
          </p>
        )}
        <Button
          type="primary"
          size="large"
          block
          loading={busy}
          disabled={room === undefined || code.length < DIGITS}
          onClick={() => void pair()}
        >
          {code.length < DIGITS
            ? t("pair.needCode")
            : room === undefined
              ? t("pair.needRoom")
              : t("pair.submit", { room: room.name })}
        </Button>
      </div>
    </>
  );
}

/** It is paired; a wrong choice is undone here. */
function Done({ room, another }: { room: ClassroomDetail; another: () => void }) {
  const { t } = useTranslation();
  const errorText = useErrorText();
  const [refused, setRefused] = useState<string | null>(null);
  const newest = room.terminals.at(-1);
  const undo = async (): Promise<void> => {
    try {
      if (newest !== undefined) await api.revoke(newest.id);
      another();
    } catch (error) {
      setRefused(error instanceof ApiError ? error.code : "internal");
    }
  };
  return (
    <Result
      icon={<CheckCircleFilled className="sign-good" />}
      title={<h1 className="trouble-title">{t("pair.done", { room: room.name })}</h1>}
      subTitle={refused === null ? `${room.school.name} · ${t("pair.doneHint")}` : errorText(refused)}
      extra={[
        <Button key="another" type="primary" onClick={another}>
          {t("pair.another")}
        </Button>,
        <Button key="undo" onClick={() => void undo()}>
          {t("pair.undo")}
        </Button>,
        <Link key="rooms" to="/classrooms" className="pair-link">
          {t("pair.toClassrooms")}
        </Link>,
      ]}
    />
  );
}
