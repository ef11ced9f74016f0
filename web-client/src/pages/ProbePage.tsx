import {
  CheckCircleFilled,
  ClockCircleOutlined,
  CloseCircleFilled,
  CopyOutlined,
  LoadingOutlined,
  MinusCircleOutlined,
  ReloadOutlined,
} from "@ant-design/icons";
import { App, Button } from "antd";
import type { TFunction } from "i18next";
import { type ReactNode, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { useTitle } from "../components/hooks";
import { LanguageButton } from "../components/LanguageButton";
import { type Findings, megabits, NOTHING_YET, portRanges, RUNGS, type RungState, verdictOf } from "../probe/findings";
import { LineProbe } from "../probe/line-probe";
import { clockTime, day } from "../words/format";

const MARKS: Record<RungState, ReactNode> = {
  waiting: <ClockCircleOutlined />,
  running: <LoadingOutlined />,
  good: <CheckCircleFilled />,
  bad: <CloseCircleFilled />,
  absent: <MinusCircleOutlined />,
};

/** For a school's network person: what passes from here to the server, how well, and what to ask the firewall's owner for. */
export default function ProbePage() {
  const { t } = useTranslation();
  const [round, setRound] = useState(0);
  useTitle(t("probe.title"));
  return (
    <div className="probe">
      <header className="probe-head">
        <img src="/icon.svg" alt="" width={32} height={32} />
        <h1>{t("probe.title")}</h1>
        <LanguageButton />
        <p className="quiet">{t("probe.hint", { host: window.location.host })}</p>
      </header>
      <Probing key={round} again={() => setRound(round + 1)} />
    </div>
  );
}

function Probing({ again }: { again: () => void }) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const [findings, setFindings] = useState(NOTHING_YET);
  const [over, setOver] = useState(false);
  const [at] = useState(() => Date.now());
  useEffect(() => {
    const probe = new LineProbe();
    const undo = probe.findings.subscribe(() => setFindings(probe.findings.get()));
    let left = false;
    void probe.run().then(() => {
      if (!left) setOver(true);
    });
    return () => {
      left = true;
      undo();
      probe.close();
    };
  }, []);
  const verdict = over ? verdictOf(findings) : null;
  const copy = async (): Promise<void> => {
    if (await copied(textOf(t, findings, at))) void message.success(t("probe.copied"));
    else void message.error(t("probe.notCopied"));
  };
  return (
    <main className="probe-body">
      <section
        className="probe-verdict"
        data-verdict={verdict ?? "running"}
        role="status"
        aria-label={t("probe.verdictLabel")}
      >
        <h2>{t(`probe.verdict.${verdict ?? "running"}`)}</h2>
        <p>{t(`probe.meaning.${verdict ?? "running"}`)}</p>
      </section>
      <section aria-label={t("probe.rungs")}>
        <h2>{t("probe.rungs")}</h2>
        <ol className="plain-list probe-rungs">
          {RUNGS.map((rung) => (
            <li key={rung} data-state={findings.rungs[rung]} data-rung={rung}>
              <span className="probe-mark">{MARKS[findings.rungs[rung]]}</span>
              <span>
                <strong>{t(`probe.rung.${rung}`)}</strong>
                <span className="quiet">{t(`probe.why.${rung}`)}</span>
              </span>
              <span className="probe-state">{t(`probe.state.${findings.rungs[rung]}`)}</span>
            </li>
          ))}
        </ol>
      </section>
      <section aria-label={t("probe.line")}>
        <h2>{t("probe.line")}</h2>
        <dl className="probe-numbers">
          {numbers(t, findings).map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      </section>
      <section aria-label={t("probe.ask")}>
        <h2>{t("probe.ask")}</h2>
        <p className="quiet">{t("probe.askHint")}</p>
        <pre className="probe-text">{requests(t, findings).join("\n")}</pre>
        <div className="probe-buttons">
          <Button type="primary" icon={<CopyOutlined />} disabled={!over} onClick={() => void copy()}>
            {t("probe.copy")}
          </Button>
          <Button icon={<ReloadOutlined />} disabled={!over} onClick={again}>
            {t("probe.again")}
          </Button>
        </div>
      </section>
    </main>
  );
}

/** Copies a text; on pages without TLS, where there is no clipboard, in the old way. */
async function copied(text: string): Promise<boolean> {
  const { clipboard } = navigator as { clipboard?: Clipboard };
  if (clipboard !== undefined)
    return clipboard.writeText(text).then(
      () => true,
      () => false,
    );
  const field = document.createElement("textarea");
  field.value = text;
  document.body.append(field);
  field.select();
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- the only way without TLS
  const done = document.execCommand("copy");
  field.remove();
  return done;
}

/** What was measured, over the best of the ways. */
function numbers(t: TFunction, { udp, tcp, tls, pageMs, upBps }: Findings): [string, string][] {
  const line = udp ?? tcp ?? tls;
  const none = "–";
  const ms = (value: number | null | undefined): string => (value == null ? none : t("probe.ms", { n: value }));
  const rate = (bps: number | null | undefined, most?: number): string =>
    bps == null
      ? none
      : most !== undefined && bps >= most * 0.9
        ? t("probe.rateAtLeast", { n: megabits(most) })
        : t("probe.rate", { n: megabits(bps) });
  return [
    [t("probe.loss"), line === null ? none : `${(line.lossPermille / 10).toFixed(1)} %`],
    [t("probe.rtt"), ms(line?.rttMs ?? pageMs)],
    [t("probe.jitter"), ms(line?.jitterMs)],
    [t("probe.down"), rate(line?.downBps, line?.mostBps)],
    [t("probe.up"), rate(upBps)],
  ];
}

/** What to ask the firewall's owner for. */
function requests(t: TFunction, { addresses, ports, tcpOffered, rungs }: Findings): string[] {
  const { hostname, protocol } = window.location;
  const port = window.location.port || (protocol === "https:" ? "443" : "80");
  const to = addresses.length === 0 ? hostname : addresses.join(", ");
  const media = ports.length === 0 ? t("probe.portsUnknown") : portRanges(ports);
  const lines: string[] = [t("probe.askPage", { host: hostname, port }), t("probe.askUdp", { to, ports: media })];
  if (tcpOffered) lines.push(t("probe.askTcp", { to, ports: media }));
  if (rungs.tls !== "absent") lines.push(t("probe.askTls", { host: hostname, port }));
  lines.push(t("probe.askSocket"), t("probe.askIdle"));
  return lines.map((line, index) => `${index + 1}. ${line}`);
}

/** All of it as text, for an e-mail. */
function textOf(t: TFunction, findings: Findings, at: number): string {
  const verdict = verdictOf(findings) ?? "running";
  const rungs = RUNGS.map((rung) => `- ${t(`probe.rung.${rung}`)}: ${t(`probe.state.${findings.rungs[rung]}`)}`);
  return [
    `${t("probe.title")} · ${window.location.host} · ${day(at)} ${clockTime(at)}`,
    `${t(`probe.verdict.${verdict}`)}. ${t(`probe.meaning.${verdict}`)}`,
    "",
    ...rungs,
    "",
    ...numbers(t, findings).map(([name, value]) => `- ${name}: ${value}`),
    "",
    `${t("probe.ask")}:`,
    ...requests(t, findings),
  ].join("\n");
}
