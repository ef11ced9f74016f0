import { CopyOutlined, ReloadOutlined } from "@ant-design/icons";
import { App, Button, Empty, Input, Popconfirm, Table, type TableColumnsType } from "antd";
import { useTranslation } from "react-i18next";
import { useNavigate, useSearchParams } from "react-router";
import { api, ApiError, type ClassroomDetail } from "../api/client";
import { useLoad, useTitle } from "../components/hooks";
import { Trouble, useErrorText, Waiting } from "../components/Trouble";
import { clockTime, day } from "../words/format";

/** Classrooms with the codes that pair a screen, and the screens that are paired. */
export default function ClassroomsPage() {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const errorText = useErrorText();
  useTitle(t("admin.classrooms"));
  const navigate = useNavigate();
  const [address, setAddress] = useSearchParams();
  const search = address.get("search") ?? "";
  const { data, error, reload } = useLoad("classrooms", (signal) => api.classrooms(signal), 10_000);
  const carryOut = async (work: () => Promise<unknown>, done?: string): Promise<void> => {
    try {
      await work();
      if (done !== undefined) message.success(done);
    } catch (refused) {
      message.error(errorText(refused instanceof ApiError ? refused.code : "internal"));
    }
    reload();
  };
  const rows = (data ?? []).filter((room) => `${room.name} ${room.school.name} ${room.school.region}`.includes(search));
  const columns: TableColumnsType<ClassroomDetail> = [
    {
      title: t("admin.classroom"),
      sorter: (a, b) => a.name.localeCompare(b.name, "zh"),
      render: (_, room) => (
        <span className="two-lines" title={room.name}>
          {room.name}
        </span>
      ),
    },
    {
      title: t("admin.school"),
      sorter: (a, b) => a.school.name.localeCompare(b.school.name, "zh"),
      render: (_, room) => (
        <>
          <div className="two-lines" title={room.school.name}>
            {room.school.name}
          </div>
          <small className="quiet">{room.school.region}</small>
        </>
      ),
    },
    {
      title: t("admin.code"),
      width: 320,
      render: (_, room) => (
        <PairingCode
          room={room}
          renew={() => void carryOut(() => api.newPairingCode(room.id))}
          copied={() => void message.success(t("admin.copied"))}
        />
      ),
    },
    {
      title: t("admin.terminals"),
      render: (_, room) => (
        <Terminals room={room} revoke={(id) => void carryOut(() => api.revoke(id), t("admin.revoked"))} />
      ),
    },
  ];
  return (
    <>
      <div className="page-head">
        <h1>{t("admin.classrooms")}</h1>
        <Input.Search
          className="page-search"
          aria-label={t("admin.search")}
          placeholder={t("admin.search")}
          allowClear
          value={search}
          onChange={(event) =>
            setAddress(event.target.value === "" ? {} : { search: event.target.value }, { replace: true })
          }
        />
        <Button type="primary" onClick={() => void navigate("/pair")}>
          {t("pair.title")}
        </Button>
      </div>
      <p className="quiet">{t("admin.claimHint", { address: `${window.location.origin}/classroom` })}</p>
      <p className="quiet">{t("admin.codeHint")}</p>
      {data === null && error !== null && <Trouble error={error} retry={reload} />}
      {data === null && error === null && <Waiting />}
      {data !== null && (
        <Table
          rowKey="id"
          columns={columns}
          dataSource={rows}
          pagination={{ pageSize: 20, hideOnSinglePage: true }}
          scroll={{ x: 860 }}
          locale={{ emptyText: <Empty description={t("admin.noClassrooms")} /> }}
        />
      )}
    </>
  );
}

function PairingCode({ room, renew, copied }: { room: ClassroomDetail; renew: () => void; copied: () => void }) {
  const { t } = useTranslation();
  const code = room.pairing_code;
  if (code === undefined || code === null) return <Button onClick={renew}>{t("admin.newCode")}</Button>;
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(code);
    copied();
  };
  return (
    <span className="pairing-code">
      <code>{`${code.slice(0, 3)} ${code.slice(3)}`}</code>
      <Button type="text" icon={<CopyOutlined />} aria-label={`${t("admin.code")} ${code}`} onClick={copy} />
      <Button type="text" icon={<ReloadOutlined />} onClick={renew}>
        {t("admin.anotherCode")}
      </Button>
    </span>
  );
}

function Terminals({ room, revoke }: { room: ClassroomDetail; revoke: (terminal: string) => void }) {
  const { t } = useTranslation();
  if (room.terminals.length === 0) return <span className="quiet">{t("admin.none")}</span>;
  const when = (time: string): string => `${day(time)} ${clockTime(time)}`;
  return (
    <ul className="plain-list">
      {room.terminals.map((terminal) => (
        <li key={terminal.id} className="terminal-row">
          <span>
            {t("admin.pairedAt", { time: when(terminal.paired_at) })}
            <br />
            <small className="quiet">
              {terminal.seen_at ? t("admin.seenAt", { time: when(terminal.seen_at) }) : t("admin.neverSeen")}
            </small>
          </span>
          <Popconfirm title={t("admin.revoke")} description={t("admin.revoked")} onConfirm={() => revoke(terminal.id)}>
            <Button danger size="small">
              {t("admin.revoke")}
            </Button>
          </Popconfirm>
        </li>
      ))}
    </ul>
  );
}
