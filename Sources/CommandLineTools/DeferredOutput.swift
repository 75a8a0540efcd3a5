package import Storage

/// Lines printed from where nothing can be thrown: the first that could not be written is kept, and
/// thrown in the end.
package final class DeferredOutput {
    private var problem: StorageError?

    package init() {}

    package func line(_ text: String) {
        guard problem == nil else { return }
        do throws(StorageError) { try StandardOutput.line(text) } catch { problem = error }
    }

    /// - Throws: the first error of ``line(_:)``.
    package func finish() throws(StorageError) { if let problem { throw problem } }
}
