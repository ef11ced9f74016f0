//! Certificates: the district's own files, or made by a local authority of the data directory.
