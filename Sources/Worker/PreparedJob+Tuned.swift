import Jobs
import Manifest
import Export
import Models
import Preparation
import Training

extension PreparedJob {
    /// The model as a session has trained it, for export.
    func tuned(in session: TrainingSession) -> TunedModel {
        tuned { [model] key, body in try model.readParts(key, session.persistent, body) }
    }
}
