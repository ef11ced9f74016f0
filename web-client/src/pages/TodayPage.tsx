import { Button, Empty } from "antd";
import { useTranslation } from "react-i18next";
import { Link, useNavigate } from "react-router";
import { api, type Lesson } from "../api/client";
import { useLoad, useNow, useTitle } from "../components/hooks";
import { LessonState } from "../components/LessonState";
import { Trouble, Waiting } from "../components/Trouble";
import { clockTime, day, duration } from "../words/format";

const NAMED = 3;

/** A teacher's lessons of today: the one that counts now large, the others below. */
export default function TodayPage() {
  const { t } = useTranslation();
  const now = useNow(1000);
  const today = day(now);
  useTitle(t("today.title"));
  const { data, error, loading, reload } = useLoad(
    today,
    (signal) => {
      const from = new Date();
      from.setHours(0, 0, 0, 0);
      return api.lessons(from, new Date(from.getTime() + 86_400_000), signal);
    },
    10_000,
  );
  if (data === null)
    return error !== null ? <Trouble whole error={error} retry={reload} /> : loading ? <Waiting /> : null;
  const first = prominent(data.lessons, now);
  const rest = data.lessons.filter((lesson) => lesson !== first);
  return (
    <>
      <h1>{t("today.title")}</h1>
      {error !== null && <p role="status">{t("error.offline")}</p>}
      {first === undefined ? (
        <NoLessons />
      ) : (
        <section aria-label={first.state === "scheduled" ? t("today.next") : t("today.now")}>
          <CurrentLesson lesson={first} now={now} />
        </section>
      )}
      {rest.length > 0 && (
        <section>
          <h2>{t("today.rest")}</h2>
          <ul className="lesson-list">
            {rest.map((lesson) => (
              <li key={lesson.id}>
                <OtherLesson lesson={lesson} />
              </li>
            ))}
          </ul>
        </section>
      )}
    </>
  );
}

/** The lesson that counts now: live, else open, else the next one. */
function prominent(lessons: Lesson[], now: number): Lesson | undefined {
  return (
    lessons.find((lesson) => lesson.state === "live") ??
    lessons.find((lesson) => lesson.state === "open") ??
    lessons.find((lesson) => lesson.state === "scheduled" && Date.parse(lesson.ends_at) > now)
  );
}

function CurrentLesson({ lesson, now }: { lesson: Lesson; now: number }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const live = lesson.state === "live";
  const names = lesson.classrooms.map((classroom) => `${classroom.name} ${classroom.school.name}`);
  return (
    <article className="current-lesson">
      <div className="current-lesson-text">
        <p className="current-lesson-when">
          <LessonState state={lesson.state} /> {clockTime(lesson.starts_at)}–{clockTime(lesson.ends_at)}
          {live && lesson.live_since ? ` · ${duration(now - Date.parse(lesson.live_since))}` : ""}
        </p>
        <p className="current-lesson-title two-lines" title={lesson.title}>
          {lesson.title}
        </p>
        <p>
          {lesson.subject} · {lesson.grade} · {t("today.classrooms", { count: lesson.classrooms.length })}
        </p>
        <p className="current-lesson-rooms two-lines" title={names.join("\n")}>
          {names.slice(0, NAMED).join("、")}
          {names.length > NAMED ? ` ${t("today.more", { count: names.length - NAMED })}` : ""}
        </p>
      </div>
      <Button size="large" className="current-lesson-enter" onClick={() => void navigate(`/teach/${lesson.id}`)}>
        {live ? t("today.back") : lesson.state === "open" ? t("today.enter") : t("today.prepare")}
      </Button>
    </article>
  );
}

function OtherLesson({ lesson }: { lesson: Lesson }) {
  const { t } = useTranslation();
  return (
    <div className="lesson-row">
      <span className="lesson-row-time">
        {clockTime(lesson.starts_at)}–{clockTime(lesson.ends_at)}
      </span>
      <span className="lesson-row-title one-line" title={lesson.title}>
        {lesson.title}
      </span>
      <span className="quiet one-line">
        {lesson.subject} · {lesson.grade}
      </span>
      <LessonState state={lesson.state} />
      {lesson.replayable ? (
        <Link to={`/library/${lesson.id}`}>{t("today.watch")}</Link>
      ) : lesson.state === "scheduled" || lesson.state === "open" ? (
        <Link to={`/teach/${lesson.id}`}>{t("today.prepare")}</Link>
      ) : (
        <span />
      )}
    </div>
  );
}

function NoLessons() {
  const { t } = useTranslation();
  return (
    <Empty description={<strong>{t("today.none")}</strong>}>
      <p className="quiet">{t("today.noneHint")}</p>
      <Link to="/library">{t("today.toLibrary")}</Link>
    </Empty>
  );
}
