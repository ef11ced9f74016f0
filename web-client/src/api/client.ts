import type { components } from "../generated/api";

type Schemas = components["schemas"];
export type Claim = Schemas["Claim"];
export type Session = Schemas["Session"];
export type User = Schemas["User"];
export type UserRole = Schemas["UserRole"];
export type Lesson = Schemas["Lesson"];
export type Lessons = Schemas["Lessons"];
export type Classroom = Schemas["Classroom"];
export type ClassroomDetail = Schemas["ClassroomDetail"];
export type JoinGrant = Schemas["JoinGrant"];
export type TerminalState = Schemas["TerminalState"];
export type Recordings = Schemas["Recordings"];
export type RecordingSummary = Schemas["RecordingSummary"];
export type Replay = Schemas["Replay"];
export type ReplayTrack = Schemas["ReplayTrack"];
export type Chapter = Schemas["Chapter"];
export type ProbeAnswer = Schemas["ProbeAnswer"];
export type ProbeState = Schemas["ProbeState"];

/** The server refused, or could not be reached (`status` 0, code `unreachable`). */
export class ApiError extends Error {
  readonly status: number;
  /** For programs; pages have a text for each. */
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** How long a request may take before it counts as unreachable. */
const PATIENCE_MS = 15_000;

async function request<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const patience = AbortSignal.timeout(PATIENCE_MS);
  let response: Response;
  try {
    response = await fetch(`/api/v1${path}`, {
      method,
      credentials: "same-origin",
      signal: signal === undefined ? patience : AbortSignal.any([signal, patience]),
      ...(body === undefined ? {} : body instanceof Blob ? { body } : json(body)),
    });
  } catch (error) {
    if (signal?.aborted === true) throw error;
    throw new ApiError(0, "unreachable", "the server cannot be reached");
  }
  if (!response.ok) throw await refusal(response);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

function json(body: unknown): { body: string; headers: Record<string, string> } {
  return { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
}

async function refusal(response: Response): Promise<ApiError> {
  try {
    const { code, message } = (await response.json()) as Schemas["ErrorBody"];
    return new ApiError(response.status, code, message);
  } catch {
    return new ApiError(response.status, response.status >= 500 ? "internal" : "refused", response.statusText);
  }
}

/** The filters of the library, as they stand in the address. */
export interface RecordingFilter {
  search: string;
  subject: string;
  grade: string;
  teacher: string;
  school: string;
  sort: string;
  page: number;
}

/** The REST API. Everything rejects with {@link ApiError}. */
export const api = {
  session: (signal?: AbortSignal) => request<Session>("GET", "/session", undefined, signal),
  signIn: (account: string, password: string) =>
    request<Session>("POST", "/session", { account, password } satisfies Schemas["SignIn"]),
  signOut: () => request<undefined>("DELETE", "/session"),
  lessons: (from: Date, to: Date, signal?: AbortSignal) =>
    request<Lessons>("GET", `/lessons?${query({ from: from.toISOString(), to: to.toISOString() })}`, undefined, signal),
  join: (lesson: string) => request<JoinGrant>("POST", `/lessons/${lesson}/join`),
  classrooms: (signal?: AbortSignal) => request<ClassroomDetail[]>("GET", "/classrooms", undefined, signal),
  newPairingCode: (classroom: string) => request<ClassroomDetail>("POST", `/classrooms/${classroom}/pairing-code`),
  revoke: (terminal: string) => request<undefined>("DELETE", `/terminals/${terminal}`),
  recordings: (filter: RecordingFilter, signal?: AbortSignal) =>
    request<Recordings>("GET", `/recordings?${query({ ...filter, page: String(filter.page) })}`, undefined, signal),
  recording: (lesson: string, signal?: AbortSignal) =>
    request<Replay>("GET", `/recordings/${lesson}`, undefined, signal),
  pair: (code: string) => request<unknown>("POST", "/terminal/pair", { code } satisfies Schemas["Pair"]),
  claim: () => request<Claim>("POST", "/terminal/claim"),
  /** Undefined while nobody paired the screen; the server holds the answer back for some seconds. */
  collectClaim: () => request<TerminalState | undefined>("GET", "/terminal/claim"),
  pairClaim: (code: string, classroom: string) =>
    request<ClassroomDetail>("POST", `/claims/${encodeURIComponent(code)}`, {
      classroom,
    } satisfies Schemas["PairClaim"]),
  beginProbe: (sdp: string) => request<ProbeAnswer>("POST", "/probe", { sdp } satisfies Schemas["ProbeOffer"]),
  probe: (id: string, signal?: AbortSignal) => request<ProbeState>("GET", `/probe/${id}`, undefined, signal),
  endProbe: (id: string) => request<undefined>("DELETE", `/probe/${id}`),
  probeUpload: (bytes: Blob, signal?: AbortSignal) => request<undefined>("POST", "/probe/upload", bytes, signal),
  terminal: (signal?: AbortSignal) => request<TerminalState>("GET", "/terminal", undefined, signal),
};

function query(values: Record<string, string>): URLSearchParams {
  return new URLSearchParams(Object.entries(values).filter(([, value]) => value !== ""));
}
