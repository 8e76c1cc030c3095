"""Making an artifact smaller and faster: each module is one step, Artifact to Artifact."""
