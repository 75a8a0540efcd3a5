package import Export
import Manifest
import Models

extension PreparedJob {
    /// What the job will have made, for export.
    /// - Parameter parts: gives a trained tensor's numbers by its key.
    package func tuned(
        parts: @escaping (String, (UnsafeBufferPointer<Float>) throws -> Void) throws -> Void
    ) -> TunedModel {
        var tuned = TunedModel(model: model, folder: modelFolder, baseName: manifest.model, parts: parts)
        tuned.changedTexts = changedTexts.values
        tuned.formats = manifest.result.formats.map(\.rawValue)
        tuned.ggufType = manifest.result.ggufType.value?.rawValue
        tuned.suffix = manifest.suffix
        tuned.contextLength = manifest.maximumLength
        return tuned
    }

    /// Whether the result can be written in the forms that the manifest names: nobody should learn
    /// after a night that it cannot.
    /// - Throws: ``ModelError`` with the manifest's key.
    func checkResultFormats() throws { try ResultFormats.check(tuned { _, _ in }) }
}
