import CLinux
import Glibc
import JSON

/// What the word `vulkan` stands for as a device of the daemon: every card that a worker finds.
///
/// The daemon opens no driver. It asks a worker, which is a process of its own: a driver that hangs
/// or crashes takes nothing with it.
package struct CardFinder {
    /// Words of devices as the daemon uses them.
    package private(set) var devices: [String]
    /// What of a card must be that of another for both to carry one job, by its word.
    package private(set) var kinds: [String: String] = [:]
    /// Why `vulkan` stays what it is; nil where it does not.
    package private(set) var complaint: String?

    /// Milliseconds that drivers may take to come up.
    package static let patience: Int32 = 30_000

    /// - Parameters:
    ///   - devices: as the administrator names them.
    ///   - program: the worker's.
    package init(_ devices: [String], program: String, patience: Int32 = Self.patience) {
        self.devices = devices
        guard devices.contains("vulkan") else { return }
        guard let answer = Self.answer(of: program, patience), let cards = (try? JSONParser().parse(answer))?.array else {
            complaint = "\(program) cards gave no list of cards: \"vulkan\" stands for the one that promises most"
            return
        }
        var found: [String] = []
        for card in cards {
            guard let word = card["device"]?.string, DeviceChoice.isDevice(word), word.hasPrefix("vulkan:") else { continue }
            found.append(word)
            kinds[word] = card["kind"]?.string
        }
        // With one card or none the worker chooses, as it does without a daemon.
        if found.count < 2 {
            kinds = [:]
            return
        }
        let named = Set(devices)
        self.devices = devices.flatMap { $0 == "vulkan" ? found.filter { !named.contains($0) } : [$0] }
    }

    /// What a worker says of the cards; nil where it says nothing in time.
    private static func answer(of program: String, _ patience: Int32) -> [UInt8]? {
        var ends: [Int32] = [-1, -1]
        guard tala_pipe(&ends) == 0 else { return nil }
        defer { close(ends[0]) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO)
        let arguments: [String] = [program, "cards"]
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
        words.append(nil)
        defer { for word in words { free(word) } }
        var process: pid_t = 0
        let problem = posix_spawn(&process, program, &actions, nil, &words, environ)
        close(ends[1])
        guard problem == 0 else { return nil }
        var bytes: [UInt8] = []
        var isWhole = false
        while bytes.count < 1 << 16 {
            var look = pollfd(fd: ends[0], events: Int16(POLLIN), revents: 0)
            guard poll(&look, 1, patience) > 0 else { break }
            var piece = [UInt8](repeating: 0, count: 4_096)
            let count = read(ends[0], &piece, piece.count)
            if count <= 0 {
                isWhole = count == 0
                break
            }
            bytes += piece.prefix(count)
        }
        if !isWhole { kill(process, SIGKILL) }
        var status: Int32 = 0
        waitpid(process, &status, 0)
        return isWhole && status == 0 ? bytes : nil
    }
}
