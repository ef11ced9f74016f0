import { App as AntApp, ConfigProvider } from "antd";
import enUS from "antd/locale/en_US";
import zhCN from "antd/locale/zh_CN";
import dayjs from "dayjs";
import "dayjs/locale/zh-cn";
import { lazy, Suspense, useCallback, useEffect, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { BrowserRouter, Navigate, Outlet, Route, Routes, useParams } from "react-router";
import { api, ApiError, type Session } from "../api/client";
import { ErrorBoundary } from "../components/ErrorBoundary";
import { hasRole, SessionContext, useSession } from "../components/session";
import { Trouble, Waiting } from "../components/Trouble";
import { antdNight, antdTheme } from "../theme/antd";
import { Frame } from "./Frame";
import { SignInPage } from "./SignInPage";

const TodayPage = lazy(() => import("./TodayPage"));
const TeachPage = lazy(() => import("./teach/TeachPage"));
const LibraryPage = lazy(() => import("./LibraryPage"));
const PlayerPage = lazy(() => import("./player/PlayerPage"));
const ClassroomsPage = lazy(() => import("./ClassroomsPage"));
const PairPage = lazy(() => import("./PairPage"));
const LessonsPage = lazy(() => import("./LessonsPage"));
const ObservePage = lazy(() => import("./ObservePage"));
const ProbePage = lazy(() => import("./ProbePage"));
const NotFoundPage = lazy(() => import("./NotFoundPage"));

/** The program at desks: everything but the classroom's page. */
export function App() {
  const { i18n } = useTranslation();
  const chinese = i18n.language === "zh";
  useEffect(() => {
    dayjs.locale(chinese ? "zh-cn" : "en");
  }, [chinese]);
  return (
    <ConfigProvider theme={antdTheme} locale={chinese ? zhCN : enUS} button={{ autoInsertSpace: false }}>
      <AntApp>
        <ErrorBoundary>
          <BrowserRouter>
            <Suspense fallback={<Waiting />}>
              <Routes>
                <Route path="/probe" element={<ProbePage />} />
                <Route path="*" element={<Gate />} />
              </Routes>
            </Suspense>
          </BrowserRouter>
        </ErrorBoundary>
      </AntApp>
    </ConfigProvider>
  );
}

type GateState =
  { kind: "asking" } | { kind: "out" } | { kind: "in"; session: Session } | { kind: "error"; error: ApiError };

function Gate() {
  const [state, setState] = useState<GateState>({ kind: "asking" });
  const ask = useCallback(() => {
    api.session().then(
      (session) => setState({ kind: "in", session }),
      (error: unknown) => {
        if (error instanceof ApiError && error.status === 401) setState({ kind: "out" });
        else setState({ kind: "error", error: error instanceof ApiError ? error : new ApiError(0, "unreachable", "") });
      },
    );
  }, []);
  useEffect(ask, [ask]);
  useEffect(() => {
    if (state.kind !== "error") return;
    const timer = setTimeout(ask, 3_000);
    return () => clearTimeout(timer);
  }, [state, ask]);
  const value = useMemo(
    () => (state.kind === "in" ? { session: state.session, signedOut: () => setState({ kind: "out" }) } : null),
    [state],
  );
  if (state.kind === "asking") return <Waiting />;
  if (state.kind === "error") return <Trouble whole error={state.error} retry={ask} />;
  if (value === null) return <SignInPage signedIn={(session) => setState({ kind: "in", session })} />;
  return (
    <SessionContext value={value}>
      <Suspense fallback={<Waiting />}>
        <Pages />
      </Suspense>
    </SessionContext>
  );
}

function Pages() {
  const { session } = useSession();
  const home = hasRole(session, "teacher") ? "/today" : hasRole(session, "researcher") ? "/library" : "/classrooms";
  return (
    <Routes>
      <Route path="/" element={<Navigate to={home} replace />} />
      <Route path="/sign-in" element={<Navigate to={home} replace />} />
      <Route path="/lessons/:lesson" element={<OneLesson />} />
      <Route element={<Night />}>
        <Route path="/teach/:lesson" element={<TeachPage />} />
        <Route path="/observe/:lesson" element={<ObservePage />} />
      </Route>
      <Route element={<Frame />}>
        <Route path="/today" element={<TodayPage />} />
        <Route path="/lessons" element={<LessonsPage />} />
        <Route path="/classrooms" element={<ClassroomsPage />} />
        <Route path="/pair" element={<PairPage />} />
        <Route path="/library" element={<LibraryPage />} />
        <Route path="/library/:lesson" element={<PlayerPage />} />
        <Route path="*" element={<NotFoundPage />} />
      </Route>
    </Routes>
  );
}

/** The address of a lesson that fits everybody: where one goes from it depends on who one is. */
function OneLesson() {
  const { session } = useSession();
  const { lesson } = useParams();
  return <Navigate to={`/${hasRole(session, "teacher") ? "teach" : "observe"}/${lesson ?? ""}`} replace />;
}

/** Live pages are dark: the pictures count. */
function Night() {
  return (
    <ConfigProvider theme={antdNight}>
      <AntApp component={false}>
        <Outlet />
      </AntApp>
    </ConfigProvider>
  );
}
