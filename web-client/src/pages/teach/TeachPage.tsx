import { useParams } from "react-router";
import { useLive } from "../../components/useLive";
import { Room } from "./Room";

/** The teacher's live page: the check before the lesson, the lesson, and its end. */
export default function TeachPage() {
  const { lesson } = useParams();
  const live = useLive(lesson ?? "", "teacher", [{ who: "stage", sources: [], height: 240, priority: 200 }]);
  if (live?.devices === null || live === null) return null;
  return <Room session={live.session} devices={live.devices} again={live.again} />;
}
