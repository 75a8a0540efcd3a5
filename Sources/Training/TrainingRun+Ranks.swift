import Graph
import Ranks

/// What the processes of a run do together beside steps and evaluations.
extension TrainingRun {
    /// Makes rank 0's parameters and optimizer state everybody's. Where each process has a part of
    /// the state it has got that when the checkpoint was read.
    package func shareParameters() throws {
        guard !group.isAlone else { return }
        try group.announce(RankOrder.parameters.bytes)
        let kinds = [.parameter] + (session.programs.shares == nil ? session.programs.optimizer.stateKinds : [])
        try TrainablePages.each(TrainablePages.of(session, kinds), of: session) { page, bytes in
            try group.broadcast(bytes)
            if group.rank != 0 { try session.persistent.write(UnsafeRawBufferPointer(bytes), to: page.place) }
        }
    }

    /// Makes sure that all processes have the same parameters. Nothing is compared while they
    /// compute.
    /// - Throws: ``TrainingError/ranksDiffer(step:what:ranks:)``.
    package func compareParameters() throws {
        guard !group.isAlone, isAtRest else { return }
        try group.announce(RankOrder.comparison.bytes)
        var checksum: UInt64 = 0
        try TrainablePages.each(TrainablePages.of(session, [.parameter]), of: session) { _, bytes in
            // A product with an odd number loses nothing: every bit that differs shows.
            for word in bytes.bindMemory(to: UInt32.self) { checksum = (checksum ^ UInt64(word)) &* 0x9E37_79B9_7F4A_7C15 }
        }
        try confirm(checksum, "a parameter", step: stepsDone)
    }

    /// Whether a checkpoint of the last whole step can be written now: not while processes compute
    /// that have a part of the state.
    package var canBeSaved: Bool { session.programs.shares == nil || isAtRest }

    /// Does what rank 0 announces, until it announces what is not the run's.
    /// - Returns: that order.
    /// - Throws: ``TrainingError/brokenExchange``, and what the device throws. What rank 0 finds
    ///   out as well is not thrown: it says what becomes of the job.
    package func follow() throws -> RankOrder {
        while true {
            guard let order = RankOrder(try group.nextAnnouncement()) else { throw TrainingError.brokenExchange }
            switch order {
            case .step(let number):
                guard number == stepsDone || stepsDone == 0 else { throw TrainingError.brokenExchange }
                begin(at: number)
                try ignoringFindings { _ = try advance() }
            case .evaluation(let limit, let rotation): _ = try evaluation(firstOnly: limit, rotation: rotation)
            case .parameters: try shareParameters()
            case .comparison: try ignoringFindings { try compareParameters() }
            case .state(let subject, let isGiven): try StateExchange(session, group).answer(subject, isGiven: isGiven)
            case .job, .references, .end: return order
            }
        }
    }

    private func ignoringFindings(_ body: () throws -> Void) throws {
        do { try body() } catch let error as TrainingError {
            switch error {
            case .notFinite, .ranksDiffer: return
            default: throw error
            }
        }
    }
}
