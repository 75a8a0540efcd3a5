import ServiceLifecycle

/// Says that the server has been told to leave, as soon as it is.
struct Farewell: Service {
    /// In which what has been asked is answered.
    let seconds: Int

    func run() async throws {
        try? await gracefulShutdown()
        ServiceManager.notify("STOPPING=1")
        ServerLog.note("leaving: no new connections; what has been asked is answered, for \(seconds) s at most")
    }
}
