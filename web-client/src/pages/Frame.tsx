import { BankOutlined, BookOutlined, CalendarOutlined, LogoutOutlined, PlaySquareOutlined } from "@ant-design/icons";
import { Button } from "antd";
import { Suspense } from "react";
import { useTranslation } from "react-i18next";
import { NavLink, Outlet } from "react-router";
import { api } from "../api/client";
import { LanguageButton } from "../components/LanguageButton";
import { hasRole, useSession } from "../components/session";
import { Waiting } from "../components/Trouble";

/** Head, side navigation and a place for the page. On a phone the navigation stands at the foot. */
export function Frame() {
  const { t } = useTranslation();
  const { session, signedOut } = useSession();
  const leave = async (): Promise<void> => {
    await api.signOut().catch(() => undefined);
    signedOut();
  };
  const pages = [
    { to: "/today", icon: <CalendarOutlined />, name: t("nav.today"), shown: hasRole(session, "teacher") },
    { to: "/library", icon: <PlaySquareOutlined />, name: t("nav.library"), shown: true },
    {
      to: "/lessons",
      icon: <BookOutlined />,
      name: t("nav.lessons"),
      shown: hasRole(session, "administrator", "researcher"),
    },
    { to: "/classrooms", icon: <BankOutlined />, name: t("nav.classrooms"), shown: hasRole(session, "administrator") },
  ].filter((page) => page.shown);
  return (
    <div className="frame">
      <a className="skip-link" href="#content">
        {t("app.skip")}
      </a>
      <header className="frame-head">
        <img src="/icon.svg" alt="" width={28} height={28} />
        <strong className="frame-name">{t("app.name")}</strong>
        <span className="frame-person one-line">
          {session.user.name}
          {session.user.school ? ` · ${session.user.school.name}` : ""}
        </span>
        <LanguageButton ghost />
        <Button
          type="text"
          className="on-primary"
          icon={<LogoutOutlined />}
          onClick={leave}
          aria-label={t("nav.signOut")}
        >
          <span className="wide-only">{t("nav.signOut")}</span>
        </Button>
      </header>
      <nav className="frame-nav" aria-label={t("app.menu")}>
        {pages.map((page) => (
          <NavLink key={page.to} to={page.to} className="frame-link">
            {page.icon}
            <span>{page.name}</span>
          </NavLink>
        ))}
      </nav>
      <main id="content" className="frame-main" tabIndex={-1}>
        <Suspense fallback={<Waiting />}>
          <Outlet />
        </Suspense>
      </main>
    </div>
  );
}
