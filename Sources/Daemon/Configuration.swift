package import Manifest
package import Spool

extension TalaDaemon {
    /// How a daemon is to work.
    package struct Configuration: Sendable {
        package var layout: SpoolLayout
        /// The devices that jobs run on, one worker each; `auto` lets the worker choose.
        package var devices: [String]
        /// What of a device must be that of another for both to carry one job, where it is known.
        package var deviceKinds: [String: String] = [:]
        /// The worker's program.
        package var workerProgram: String
        /// The program of a job's processes, where several carry it; nil where it is not installed.
        package var rankProgram: String?
        /// Ends when nothing is left to do.
        package var drains = false
        /// Whether a job may go to a free device before its files are validated: its worker then
        /// does both.
        package var startsAtOnce = true
        /// Folders in which absolute paths of manifests must lie.
        package var allowedRoots: [String] = []
        /// The spool as the administrator named it: manifests may name files in it by that path
        /// too.
        package var spoolName: String?
        /// Seconds to wait before a crashed job is started again, by the number of crashes without
        /// progress.
        package var retryDelays: [Double] = [5, 60, 600]
        /// Seconds without a sign of life after which a training worker counts as hung, at least;
        /// ten times the median step if that is more.
        package var silenceLimit = 300.0
        /// Seconds without change after which a drop that no event told of counts as complete.
        package var settleSeconds = 3.0
        /// Seconds after which a drop that is not complete is given up.
        package var abandonedSeconds = 36.0 * 3600
        /// Seconds between two counts of what running jobs use; their files are counted every fifth
        /// time.
        package var countSeconds = 2.0
        /// Seconds that workers have to write a checkpoint when the daemon leaves.
        package var shutdownSeconds = 170.0
        /// The administrator's policy; a file that is not there is no policy.
        package var policyFile: String?
        /// Where figures for Prometheus go.
        package var metricsFile: String?
        /// The batch job of Slurm that the daemon runs in; nil: it runs in none.
        package var allocation: Allocation?
        package var version = "0.1.0"

        package init(layout: SpoolLayout, devices: [String] = ["auto"], workerProgram: String) {
            self.layout = layout
            self.devices = devices
            self.workerProgram = workerProgram
        }
    }

    /// Why the daemon cannot start.
    package enum StartError: Error, CustomStringConvertible {
        case spoolIsTaken(String)
        case unusablePolicy(String)
        /// A later program has worked on the spool.
        case newerSpool(String, format: String)

        package var description: String {
            switch self {
            case .spoolIsTaken(let path): "another talad works on \(path)"
            case .unusablePolicy(let reason): reason
            case .newerSpool(let path, let format):
                "\(path) has the format \(format), this talad knows \(SpoolLayout.format) and older ones: use the program that wrote it; nothing has been changed"
            }
        }
    }
}
