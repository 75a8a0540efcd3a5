import Foundation
import TestSupport

/// A terminal that a test is the user of: a program writes its standard error to it, the test reads
/// that and changes the width.
final class PseudoTerminal {
    private let master: Int32
    let slave: FileHandle

    struct Unavailable: Error {}

    init(columns: Int) throws {
        master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        var (lock, number) = (Int32(0), Int32(0))
        // TIOCSPTLCK and TIOCGPTN, which Swift does not import.
        guard master >= 0, ioctl(master, 0x4004_5431, &lock) == 0, ioctl(master, 0x8004_5430, &number) == 0 else { throw Unavailable() }
        let descriptor = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Unavailable() }
        slave = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        resize(columns)
        _ = fcntl(master, F_SETFL, O_NONBLOCK)
    }

    deinit { close(master) }

    func resize(_ columns: Int) {
        var size = winsize(ws_row: 24, ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(master, UInt(TIOCSWINSZ), &size)
    }

    /// What has been written since the last call.
    func read() -> String {
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Glibc.read(master, &buffer, buffer.count)
            guard count > 0 else { break }
            text += buffer.prefix(count)
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Starts a program with this terminal as its standard error.
    func start(_ program: String, _ arguments: [String]) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: BuiltProgram.folder + "/" + program)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(["TERM": "xterm"]) { $1 }
        process.standardError = slave
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        return process
    }

    /// Ends a program as Control-C does, reading on meanwhile; one that does not end within half a
    /// minute is killed.
    /// - Returns: what it still wrote.
    @discardableResult
    func interrupt(_ process: Process) -> String {
        var text = ""
        process.interrupt()
        for _ in 0..<300 where process.isRunning {
            text += read()
            usleep(100_000)
        }
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        process.waitUntilExit()
        return text + read()
    }
}
