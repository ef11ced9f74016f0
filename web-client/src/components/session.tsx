import { createContext, use } from "react";
import type { Session, UserRole } from "../api/client";

/** Who is signed in, and how to change that. */
export interface SessionValue {
  session: Session;
  signedOut: () => void;
}

export const SessionContext = createContext<SessionValue | null>(null);

/** The session; only below the sign-in gate. */
export function useSession(): SessionValue {
  const value = use(SessionContext);
  if (value === null) throw new Error("useSession stands below the sign-in gate");
  return value;
}

/** Whether the person has one of the roles. */
export function hasRole(session: Session, ...roles: UserRole[]): boolean {
  return session.user.roles.some((role) => roles.includes(role));
}
