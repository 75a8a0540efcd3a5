import Foundation
import JSON
import ServingAPI
import Storage

/// Files whose time is over.
extension Spool {
    /// The job that reads a file and has not ended.
    func reader(of file: String) -> String? {
        jobs.first { id in
            guard let status = json(path("jobs", id, "status.json")),
                !["succeeded", "failed", "cancelled"].contains(status["status"]?.string ?? "")
            else { return false }
            return ["training_file", "validation_file"].contains { status[$0]?.string == file }
        }
    }

    /// Deletes the files that have expired and that no job reads.
    func sweepFiles() {
        let folder = path("files", ".meta")
        for name in (try? FolderListing.names(in: folder)) ?? [] where name.hasSuffix(".json") {
            guard let object = json(folder + "/" + name), let expires = object["expires_at"]?.double,
                expires <= Date().timeIntervalSince1970
            else { continue }
            let file = String(name.dropLast(5)) + ".jsonl"
            guard reader(of: file) == nil else { continue }
            FolderListing.delete(folder + "/" + name)
            FolderListing.delete(path("files", file))
        }
    }
}
