import CLinux
import Glibc
import Storage

/// Finds drops that are complete, by events where they come and by looking where they do not.
///
/// A file whose writer has closed it, and anything renamed into `incoming/`, is complete. What no
/// event told of (dropped before the start, an overflowed queue of events, NFS) is complete when no
/// process has it open for writing; where the kernel does not tell us that, when it has not changed
/// for some seconds.
package struct DropFinder {
    package enum Found: Sendable, Hashable {
        case complete(String)
        /// Left unfinished for so long that it counts as abandoned.
        case abandoned(String)

        package var name: String {
            switch self {
            case .complete(let name), .abandoned(let name): name
            }
        }
    }
    private struct Signature: Hashable {
        var seconds: Int
        var nanoseconds: Int
        var size: Int
        var count: Int
    }

    private let folder: String
    /// Seconds without change after which something counts as complete.
    private let settleSeconds: Double
    private let abandonedSeconds: Double
    private var found: [Found] = []
    private var next = 0
    private var known: Set<String> = []
    private var unsettled: [String: (signature: Signature, since: Double)] = [:]
    /// Seconds since 1970 by the wall clock, which may be set.
    private let wall: () -> Double
    /// What the wall clock said at some time of the other one: from there on time goes as it
    /// should.
    private var start: (wall: Double, now: Double)?

    package init(folder: String, settleSeconds: Double = 3, abandonedSeconds: Double = 36 * 3600, wall: (() -> Double)? = nil) {
        self.folder = folder
        self.settleSeconds = settleSeconds
        self.abandonedSeconds = abandonedSeconds
        self.wall = wall ?? { Double(time(nil)) }
    }

    /// Whether something is being waited for.
    package var isWaiting: Bool { next < found.count || !unsettled.isEmpty }

    /// Takes in what an event said: a writer has closed this name, or it was renamed into the
    /// folder.
    /// - Parameter now: seconds of the monotonic clock.
    package mutating func completed(_ name: String, now: Double) {
        guard Claim.isCandidate(name), !known.contains(name) else { return }
        // Another process may have opened it since, or the same writer again.
        if let status = Self.status(folder + "/" + name), status.st_mode & S_IFMT == S_IFREG, hasWriter(folder + "/" + name) == true {
            unsettled[name] = nil
            judge(name, now: now)
        } else {
            add(.complete(name), name)
        }
    }

    /// Takes in a name that appeared without having been closed: a folder, a link, a file that is
    /// being written.
    package mutating func appeared(_ name: String, now: Double) {
        guard Claim.isCandidate(name), !known.contains(name), unsettled[name] == nil else { return }
        judge(name, now: now)
    }

    private mutating func add(_ item: Found, _ name: String) {
        unsettled[name] = nil
        if known.insert(name).inserted { found.append(item) }
    }

    /// Puts back what could not be taken: it comes again after the others.
    package mutating func wait(_ item: Found) { add(item, item.name) }

    /// The next drop that is complete.
    package mutating func take() -> Found? {
        guard next < found.count else { return nil }
        let item = found[next]
        next += 1
        known.remove(item.name)
        if next == found.count { (found, next) = ([], 0) }
        return item
    }

    /// Looks through the whole folder.
    /// - Parameter now: seconds of the monotonic clock.
    /// - Returns: false if the folder could not be listed; nothing is then known to have come or
    ///   gone.
    package mutating func rescan(now: Double) -> Bool {
        if start == nil { start = (wall(), now) }
        UnreadableNames.replace(in: folder)
        guard let names = try? FolderListing.names(in: folder) else { return false }
        for name in names where !known.contains(name) {
            if Claim.isCandidate(name) {
                judge(name, now: now)
            } else if !name.hasPrefix(Claim.takenPrefix), let status = Self.status(folder + "/" + name),
                age(status, now: now) > abandonedSeconds
            {
                add(.abandoned(name), name)
            }
        }
        let present = Set(names)
        for name in unsettled.keys where !present.contains(name) { unsettled[name] = nil }
        return true
    }

    /// Looks again at what was not complete.
    package mutating func reconsider(now: Double) { for name in unsettled.keys.sorted() { judge(name, now: now) } }

    private mutating func judge(_ name: String, now: Double) {
        let path = folder + "/" + name
        guard let status = Self.status(path) else {
            unsettled[name] = nil
            return
        }
        let kind = status.st_mode & S_IFMT
        // Links, pipes and devices are never written: they are refused at once.
        if kind != S_IFREG, kind != S_IFDIR { return add(.complete(name), name) }
        var mayBeOpen = false
        if kind == S_IFREG {
            switch hasWriter(path) {
            case false: return add(.complete(name), name)
            case true: mayBeOpen = true
            default: break
            }
        }
        if age(status, now: now) > abandonedSeconds { return add(.abandoned(name), name) }
        let signature = kind == S_IFDIR ? Self.signature(ofFolder: path, status) : Self.signature(status)
        guard let seen = unsettled[name], seen.signature == signature else {
            unsettled[name] = (signature, now)
            if settleSeconds == 0, !mayBeOpen { add(.complete(name), name) }
            return
        }
        if !mayBeOpen, now - seen.since >= settleSeconds { add(.complete(name), name) }
    }

    /// Whether a process has the file open for writing, or nil where the kernel does not say.
    private func hasWriter(_ path: String) -> Bool? {
        let descriptor: Int32
        do throws(StorageError) {
            descriptor = try DurableFiles.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)
        } catch {
            // What cannot be opened will be refused; where that cannot be told now, nothing is
            // known.
            return error.isTransient || error.errorNumber == EIO ? nil : false
        }
        defer { close(descriptor) }
        return Writers.hasOne(descriptor)
    }

    private static func status(_ path: String) -> stat? {
        var status = stat()
        return lstat(path, &status) == 0 ? status : nil
    }

    /// Seconds since the last change, by the wall clock as it is and as it would be had it not been
    /// set since the start: the smaller counts, so that no jump of the clock makes a drop old. A
    /// time to come counts as now.
    private func age(_ status: stat, now: Double) -> Double {
        let steady = start.map { $0.wall + (now - $0.now) } ?? wall()
        return max(0, min(wall(), steady) - Double(status.st_mtim.tv_sec))
    }

    private static func signature(_ status: stat) -> Signature {
        Signature(seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec, size: Int(status.st_size), count: 1)
    }

    /// A folder's signature is that of the newest thing in it.
    private static func signature(ofFolder path: String, _ own: stat) -> Signature {
        var newest = signature(own)
        newest.size = 0
        for name in (try? FolderListing.names(in: path)) ?? [] {
            guard let status = status(path + "/" + name) else { continue }
            newest.count += 1
            newest.size &+= Int(status.st_size)
            if (status.st_mtim.tv_sec, status.st_mtim.tv_nsec) > (newest.seconds, newest.nanoseconds) {
                (newest.seconds, newest.nanoseconds) = (status.st_mtim.tv_sec, status.st_mtim.tv_nsec)
            }
        }
        return newest
    }
}
