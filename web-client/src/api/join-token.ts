import type { StopCode } from "../live/signal-connection";
import { TokenError } from "../live/signal-connection";
import { api, ApiError } from "./client";

/** A token this close to its end is not used for a new connection. */
const MARGIN_MS = 20_000;

/** Keeps a join token of a lesson until it is nearly over. */
export function joinTokens(lesson: string): (fresh: boolean) => Promise<string> {
  let grant: { token: string; until: number } | null = null;
  return async (fresh) => {
    if (!fresh && grant !== null && Date.now() < grant.until) return grant.token;
    try {
      const { token, expires_at } = await api.join(lesson);
      grant = { token, until: Date.parse(expires_at) - MARGIN_MS };
      return token;
    } catch (error) {
      throw new TokenError(error instanceof ApiError ? stopCode(error) : null);
    }
  };
}

/** What a refused join means for the connection; null is "ask again". */
function stopCode(error: ApiError): StopCode | null {
  if (error.status === 401) return "signed_out";
  if (error.code.includes("cancelled")) return "cancelled";
  if (error.code.includes("ended")) return "ended";
  if (error.status === 403) return "forbidden";
  if (error.status === 404) return "no_lesson";
  return null;
}
