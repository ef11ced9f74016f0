import { useTranslation } from "react-i18next";
import type { Chapter } from "../../api/client";
import { duration } from "../../words/format";

/** The text of a chapter. */
export function useChapterText(): (chapter: Chapter) => string {
  const { t } = useTranslation();
  return (chapter) => t(`chapter.${chapter.kind}`, { classroom: chapter.classroom ?? "" });
}

/** What happened, by time; a press goes there. */
export function Chapters({
  chapters,
  timeMs,
  go,
}: {
  chapters: Chapter[];
  timeMs: number;
  go: (atMs: number) => void;
}) {
  const { t } = useTranslation();
  const text = useChapterText();
  const current = chapters.reduce((found, chapter, index) => (chapter.at_ms <= timeMs + 200 ? index : found), -1);
  return (
    <section className="chapters" aria-label={t("player.chapters")}>
      <h2>{t("player.chapters")}</h2>
      <ol className="plain-list">
        {chapters.map((chapter, index) => (
          <li key={`${chapter.at_ms}-${chapter.kind}-${chapter.classroom ?? ""}`}>
            <button
              type="button"
              className="chapter"
              aria-current={index === current ? "step" : undefined}
              data-kind={chapter.kind}
              onClick={() => go(chapter.at_ms)}
            >
              <span className="chapter-time">{duration(chapter.at_ms)}</span>
              <span className="two-lines" title={text(chapter)}>
                {text(chapter)}
              </span>
            </button>
          </li>
        ))}
      </ol>
      <p className="quiet player-keys">{t("player.keys")}</p>
    </section>
  );
}
