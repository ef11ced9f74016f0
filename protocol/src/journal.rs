//! What the recorder writes beside the media, one JSON object a line, data first and journal after.
