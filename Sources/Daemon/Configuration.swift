public import Spool

extension TalaDaemon {
    /// How a daemon is to work.
    public struct Configuration: Sendable {
        public var layout: SpoolLayout
        /// The devices that jobs run on, one worker each; `auto` lets the worker choose.
        public var devices: [String]
        /// The worker's program.
        public var workerProgram: String
        /// Ends when nothing is left to do.
        public var drains = false
        /// Whether a job may go to a free device before its files are validated: its worker then does both.
        public var startsAtOnce = true
        /// Folders in which absolute paths of manifests must lie.
        public var allowedRoots: [String] = []
        /// Seconds to wait before a crashed job is started again, by the number of crashes without progress.
        public var retryDelays: [Double] = [5, 60, 600]
        /// Seconds without a sign of life after which a training worker counts as hung, at least; ten times the median step if that is more.
        public var silenceLimit = 300.0
        /// Seconds without change after which a drop that no event told of counts as complete.
        public var settleSeconds = 3.0
        /// Seconds after which a drop that is not complete is given up.
        public var abandonedSeconds = 36.0 * 3600
        /// Seconds between two counts of what running jobs use; their files are counted every fifth time.
        public var countSeconds = 2.0
        /// Seconds that workers have to write a checkpoint when the daemon leaves.
        public var leaveSeconds = 170.0
        /// The administrator's policy; a file that is not there is no policy.
        public var policyFile: String?
        /// Where figures for Prometheus go.
        public var metricsFile: String?
        public var version = "0.1.0"

        public init(layout: SpoolLayout, devices: [String] = ["auto"], workerProgram: String) {
            self.layout = layout
            self.devices = devices
            self.workerProgram = workerProgram
        }
    }

    /// Why the daemon cannot start.
    public enum StartError: Error, CustomStringConvertible {
        case spoolIsTaken(String)
        case unusablePolicy(String)
        /// A later program has worked on the spool.
        case newerSpool(String, format: String)

        public var description: String {
            switch self {
            case .spoolIsTaken(let path): "another talad works on \(path)"
            case .unusablePolicy(let reason): reason
            case .newerSpool(let path, let format):
                "\(path) has the format \(format), this talad knows \(SpoolLayout.format) and older ones: use the program that wrote it; nothing has been changed"
            }
        }
    }
}
