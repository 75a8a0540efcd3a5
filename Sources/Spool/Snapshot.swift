import CLinux
import Glibc
package import Storage

/// Takes a user's file into a job's folder, so that it cannot change while it is used.
package enum Snapshot {
    package enum Refusal: Error, Sendable, Hashable {
        /// Not there, or the submitter could not read it.
        case notReadable
        case notRegular
        case changedWhileCopied
    }

    /// Copies a file that was found beneath a root, judging what is opened, not what was seen when
    /// the job was accepted.
    /// - Throws: ``Refusal``, ``StorageError``.
    package static func take(_ source: JobAcceptance.Source, for submitter: Submitter, toNew copy: String) throws -> DurableFiles.Copy {
        let prefix = source.root.hasSuffix("/") ? source.root : source.root + "/"
        guard source.path.hasPrefix(prefix),
            let opened = try PathResolver.open(
                String(source.path.dropFirst(prefix.count)), beneath: source.root, for: submitter, allowingLinks: !source.isInBundle,
                flags: O_RDONLY | O_NONBLOCK | O_NOCTTY)
        else { throw Refusal.notReadable }
        defer { close(opened.descriptor) }
        var before = stat()
        guard fstat(opened.descriptor, &before) == 0, before.st_mode & S_IFMT == S_IFREG else { throw Refusal.notRegular }
        // The very file that was judged, even if its path now leads elsewhere.
        let copied = try DurableFiles.copy("/proc/self/fd/\(opened.descriptor)", toNew: copy, mode: 0o640)
        var after = stat()
        guard fstat(opened.descriptor, &after) == 0, copied.byteCount == Int(before.st_size), after.st_size == before.st_size,
            after.st_mtim.tv_sec == before.st_mtim.tv_sec, after.st_mtim.tv_nsec == before.st_mtim.tv_nsec
        else { throw Refusal.changedWhileCopied }
        return copied
    }
}

extension Snapshot.Refusal: CustomStringConvertible {
    package var description: String {
        switch self {
        case .notReadable: "is not there any more, or its submitter may not read it"
        case .notRegular: "is not a regular file"
        case .changedWhileCopied: "was changed while it was copied"
        }
    }
}
