import { AppstoreOutlined, BarsOutlined, PlayCircleFilled, SearchOutlined } from "@ant-design/icons";
import { Button, Empty, Input, Pagination, Segmented, Select } from "antd";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link, useSearchParams } from "react-router";
import { api, type RecordingFilter, type RecordingSummary } from "../api/client";
import { useLoad, useTitle } from "../components/hooks";
import { Trouble, Waiting } from "../components/Trouble";
import { clockTime, day, duration } from "../words/format";

const FACETS = ["subject", "grade", "teacher", "school"] as const;
const SORTS = ["newest", "oldest", "longest"] as const;

/** Recorded lessons. What is searched and filtered stands in the address. */
export default function LibraryPage() {
  const { t } = useTranslation();
  useTitle(t("library.title"));
  const [address, setAddress] = useSearchParams();
  const asked = (name: string): string => address.get(name) ?? "";
  const filter: RecordingFilter = {
    search: asked("search"),
    subject: asked("subject"),
    grade: asked("grade"),
    teacher: asked("teacher"),
    school: asked("school"),
    sort: asked("sort"),
    page: Math.max(1, Number.parseInt(asked("page"), 10) || 1),
  };
  const change = (changes: Record<string, string>): void => {
    const next = new URLSearchParams(address);
    if (!("page" in changes)) next.delete("page");
    for (const [name, value] of Object.entries(changes)) {
      if (value === "") next.delete(name);
      else next.set(name, value);
    }
    setAddress(next, { replace: true });
  };
  const { data, error, reload } = useLoad(JSON.stringify(filter), (signal) => api.recordings(filter, signal), 5_000);
  const filtered = filter.search !== "" || FACETS.some((name) => filter[name] !== "");
  const list = asked("view") === "list";
  return (
    <>
      <div className="page-head">
        <h1>{t("library.title")}</h1>
        <SearchBox value={filter.search} change={(search) => change({ search })} />
        <Segmented
          value={list ? "list" : "grid"}
          onChange={(value) => change({ view: value === "list" ? "list" : "", page: String(filter.page) })}
          options={[
            { value: "grid", icon: <AppstoreOutlined />, label: t("library.grid") },
            { value: "list", icon: <BarsOutlined />, label: t("library.list") },
          ]}
        />
      </div>
      <div className="library">
        <aside className="library-filters" aria-label={t("library.filters")}>
          {FACETS.map((name) => (
            <label key={name} className="filter">
              <span>{t(`library.${name}`)}</span>
              <Select
                aria-label={t(`library.${name}`)}
                value={filter[name]}
                onChange={(value: string) => change({ [name]: value })}
                showSearch
                options={[
                  { value: "", label: t("library.any") },
                  ...(data?.facets[`${name}s`] ?? []).map((value) => ({ value, label: value })),
                ]}
              />
            </label>
          ))}
          <label className="filter">
            <span>{t("library.sort")}</span>
            <Select
              aria-label={t("library.sort")}
              value={filter.sort === "" ? "newest" : filter.sort}
              onChange={(value: string) => change({ sort: value === "newest" ? "" : value })}
              options={SORTS.map((value) => ({ value, label: t(`library.${value}`) }))}
            />
          </label>
          {filtered && (
            <Button onClick={() => change({ search: "", subject: "", grade: "", teacher: "", school: "" })}>
              {t("library.clear")}
            </Button>
          )}
        </aside>
        <section className="library-results">
          {data === null && error !== null && <Trouble error={error} retry={reload} />}
          {data === null && error === null && <Waiting />}
          {data !== null && data.recordings.length === 0 && (
            <Empty description={<strong>{filtered ? t("library.noMatch") : t("library.empty")}</strong>}>
              <p className="quiet">{filtered ? t("library.noMatchHint") : t("library.emptyHint")}</p>
            </Empty>
          )}
          {data !== null && data.recordings.length > 0 && (
            <>
              <p className="quiet" role="status">
                {t("library.count", { count: data.total })}
              </p>
              <ul className={list ? "recording-list" : "recording-grid"}>
                {data.recordings.map((recording) => (
                  <li key={recording.lesson.id}>
                    <Recording recording={recording} />
                  </li>
                ))}
              </ul>
              <Pagination
                align="center"
                hideOnSinglePage
                showSizeChanger={false}
                current={data.page}
                pageSize={data.page_size}
                total={data.total}
                onChange={(page) => change({ page: String(page) })}
              />
            </>
          )}
        </section>
      </div>
    </>
  );
}

/** Searches as one types, once the fingers rest a moment. */
function SearchBox({ value, change }: { value: string; change: (value: string) => void }) {
  const { t } = useTranslation();
  const [text, setText] = useState(value);
  useEffect(() => {
    if (text === value) return;
    const timer = setTimeout(() => change(text), 200);
    return () => clearTimeout(timer);
  }, [text, value, change]);
  return (
    <Input
      className="page-search"
      type="search"
      prefix={<SearchOutlined />}
      allowClear
      aria-label={t("library.search")}
      placeholder={t("library.search")}
      value={text}
      onChange={(event) => setText(event.target.value)}
    />
  );
}

function Recording({ recording }: { recording: RecordingSummary }) {
  const { t } = useTranslation();
  const { lesson } = recording;
  const running = recording.state !== "finished" && lesson.state === "live";
  const when = lesson.live_since ?? lesson.starts_at;
  return (
    <Link to={`/library/${lesson.id}`} className="recording">
      <span className="poster">
        {recording.poster_url ? (
          <img src={recording.poster_url} alt={t("library.poster", { title: lesson.title })} loading="lazy" />
        ) : (
          <PlayCircleFilled className="poster-none" />
        )}
        {running ? (
          <span className="poster-mark live">{t("library.recordingNow")}</span>
        ) : (
          <span className="poster-mark">{duration(recording.duration_ms)}</span>
        )}
      </span>
      <span className="recording-text">
        <strong className="two-lines" title={lesson.title}>
          {lesson.title}
        </strong>
        <span className="one-line">
          {lesson.subject} · {lesson.grade} · {lesson.teacher}
        </span>
        <span className="quiet one-line" title={lesson.school.name}>
          {lesson.school.name}
        </span>
        <span className="quiet">
          {day(when)} {clockTime(when)}
        </span>
      </span>
    </Link>
  );
}
