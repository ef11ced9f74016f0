export interface components {
  schemas: {
    UserRole: "teacher" | "researcher" | "administrator";
    ErrorBody: { code: string; message: string };
    SignIn: { account: string; password: string };
    Session: { user: components["schemas"]["User"]; now: string; demo: boolean };
    User: { id: string; account: string; name: string; roles: components["schemas"]["UserRole"][]; school?: components["schemas"]["School"] | null };
    School: { id: string; name: string; region: string };
    Classroom: { id: string; name: string; school: components["schemas"]["School"] };
    LessonState: "scheduled" | "open" | "live" | "ended" | "archived" | "cancelled";
    Lesson: {
      id: string; title: string; subject: string; grade: string; teacher: string; school: components["schemas"]["School"];
      state: components["schemas"]["LessonState"]; starts_at: string; ends_at: string; live_since?: string | null; ended_at?: string | null;
      classrooms: components["schemas"]["Classroom"][]; replayable: boolean;
    };
    Lessons: { lessons: components["schemas"]["Lesson"][]; now: string };
    Role: "teacher" | "classroom" | "observer";
    JoinGrant: { token: string; role: components["schemas"]["Role"]; expires_at: string; lesson: components["schemas"]["Lesson"] };
    Pair: { code: string };
    TerminalState: { terminal: string; classroom: components["schemas"]["Classroom"]; now: string; current?: components["schemas"]["Lesson"] | null; upcoming: components["schemas"]["Lesson"][] };
    Terminal: { id: string; paired_at: string; seen_at?: string | null };
    ClassroomDetail: components["schemas"]["Classroom"] & { pairing_code?: string | null; terminals: components["schemas"]["Terminal"][] };
    Facets: { subjects: string[]; grades: string[]; teachers: string[]; schools: string[] };
    RecordingState: "idle" | "starting" | "recording" | "disk_low" | "disk_full" | "failed" | "finished";
    RecordingSummary: { lesson: components["schemas"]["Lesson"]; state: components["schemas"]["RecordingState"]; duration_ms: number; bytes: number; poster_url?: string | null };
    Recordings: { recordings: components["schemas"]["RecordingSummary"][]; total: number; page: number; page_size: number; facets: components["schemas"]["Facets"] };
    Source: "camera" | "microphone" | "screen" | "screen_audio" | "document";
    MediaKind: "audio" | "video";
    ReplayTrack: { key: string; name: string; source: components["schemas"]["Source"]; kind: components["schemas"]["MediaKind"]; playlist_url: string; width: number; height: number; spans: number[][] };
    ChapterKind: "live" | "on_stage" | "off_stage" | "hand_raised" | "material_shown" | "interrupted" | "end";
    Chapter: { at_ms: number; kind: components["schemas"]["ChapterKind"]; classroom?: string | null };
    Replay: components["schemas"]["RecordingSummary"] & { master_url: string; tracks: components["schemas"]["ReplayTrack"][]; chapters: components["schemas"]["Chapter"][] };
  };
}
