import { LeftOutlined, RightOutlined } from "@ant-design/icons";
import { Button, DatePicker, Empty, Space, Table, type TableColumnsType } from "antd";
import dayjs from "dayjs";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link, useSearchParams } from "react-router";
import { api, type Lesson } from "../api/client";
import { useLoad, useTitle } from "../components/hooks";
import { LessonState } from "../components/LessonState";
import { Trouble, Waiting } from "../components/Trouble";
import { clockTime, day } from "../words/format";

/** All lessons of one day; the day stands in the address. */
export default function LessonsPage() {
  const { t } = useTranslation();
  useTitle(t("admin.lessons"));
  const [address, setAddress] = useSearchParams();
  const [today] = useState(() => day(Date.now()));
  const shown = dayjs(address.get("day") ?? today).startOf("day");
  const show = (to: dayjs.Dayjs): void => setAddress({ day: to.format("YYYY-MM-DD") }, { replace: true });
  const { data, error, reload } = useLoad(
    shown.format("YYYY-MM-DD"),
    (signal) => api.lessons(shown.toDate(), shown.add(1, "day").toDate(), signal),
    10_000,
  );
  const columns: TableColumnsType<Lesson> = [
    {
      title: t("admin.time"),
      width: 130,
      render: (_, lesson) => `${clockTime(lesson.starts_at)}–${clockTime(lesson.ends_at)}`,
    },
    {
      title: t("admin.lesson"),
      render: (_, lesson) => (
        <>
          <div className="two-lines" title={lesson.title}>
            {lesson.title}
          </div>
          <small className="quiet">
            {lesson.subject} · {lesson.grade}
          </small>
        </>
      ),
    },
    {
      title: t("admin.teacher"),
      render: (_, lesson) => (
        <>
          <div>{lesson.teacher}</div>
          <small className="quiet two-lines" title={lesson.school.name}>
            {lesson.school.name}
          </small>
        </>
      ),
    },
    {
      title: t("admin.attend"),
      render: (_, lesson) => (
        <span title={lesson.classrooms.map((room) => `${room.name} ${room.school.name}`).join("\n")}>
          {t("today.classrooms", { count: lesson.classrooms.length })}
        </span>
      ),
    },
    { title: t("admin.state"), width: 150, render: (_, lesson) => <LessonState state={lesson.state} /> },
    {
      title: <span className="visually-hidden">{t("admin.actions")}</span>,
      width: 130,
      render: (_, lesson) =>
        lesson.state === "live" ? (
          <Link to={`/observe/${lesson.id}`}>{t("observe.watch")}</Link>
        ) : lesson.replayable ? (
          <Link to={`/library/${lesson.id}`}>{t("today.watch")}</Link>
        ) : null,
    },
  ];
  return (
    <>
      <div className="page-head">
        <h1>{t("admin.lessons")}</h1>
        <Space>
          <Button
            icon={<LeftOutlined />}
            aria-label={t("admin.previousDay")}
            onClick={() => show(shown.subtract(1, "day"))}
          />
          <DatePicker
            value={shown}
            allowClear={false}
            aria-label={t("admin.day")}
            onChange={(to: dayjs.Dayjs | null) => {
              if (to !== null) show(to);
            }}
          />
          <Button icon={<RightOutlined />} aria-label={t("admin.nextDay")} onClick={() => show(shown.add(1, "day"))} />
          <Button onClick={() => show(dayjs())}>{t("admin.today")}</Button>
        </Space>
      </div>
      {data === null && error !== null && <Trouble error={error} retry={reload} />}
      {data === null && error === null && <Waiting />}
      {data !== null && (
        <Table
          rowKey="id"
          columns={columns}
          dataSource={data.lessons}
          pagination={{ pageSize: 20, hideOnSinglePage: true }}
          scroll={{ x: 760 }}
          locale={{ emptyText: <Empty description={t("admin.noLessons")} /> }}
        />
      )}
    </>
  );
}
