import ArgumentParser
import CLinux
import Glibc
import Jobs
import MPIRanks
import Manifest
import Sandbox
import Storage

/// Becomes the launcher of a job's processes.
struct LaunchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "launch", abstract: "Start the processes of a job with mpirun or srun.",
        discussion: "The process becomes the launcher, and ends with it.")
    @Option(help: "The job's folder.") var job: String
    @Option(help: "A device of each host, for one of its processes; may be repeated.") var device: [String] = ["auto"]
    @Option(help: "How many processes there are to be.") var processes: Int
    @Option(help: "mpirun, slurm or none.") var launcher = "mpirun"
    @Option(help: "A host that carries processes; may be repeated. Without any, this one carries all.") var host: [String] = []
    @Option(name: .customLong("allocated-hosts"), help: "Hosts of the allocation of Slurm that the launcher runs in.")
    var allocatedHosts: Int?
    @Option(help: "The network between the hosts, as 10.0.0.0/24.") var network: String?
    @Option(help: "The partition of Slurm.") var partition: String?
    @Option(help: "The daemon's process; the launcher ends when it is gone.") var parent: Int32?

    func run() throws {
        guard let kind = Launch.Launcher(rawValue: launcher) else {
            throw ValidationError("--launcher \(launcher): it is mpirun, slurm or none")
        }
        Confinement.bindToParent(parent)
        // Whatever the launcher makes of a signal, it is gone with the daemon, and the ranks with
        // it.
        _ = tala_set_parent_death_signal(SIGKILL)
        let launch = Launch(launcher: kind, hosts: host, network: network, partition: partition, allocatedHosts: allocatedHosts)
        let own = CommandLine.arguments[0]
        let words = launch.words(
            program: own.contains("/") ? own : "tala-rank", processes: processes, job: job, devices: device, launchedBy: getpid(),
            isRoot: getuid() == 0, openMPI: OpenMPI.release)
        var pointers: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
        pointers.append(nil)
        execvp(words[0], pointers)
        let reason = String(cString: strerror(errno))
        for pointer in pointers { free(pointer) }
        StandardError.write("<3>tala-rank: \(words[0]) cannot be started: \(reason)\n")
        throw ExitCode(WorkerExit.ranOut.rawValue)
    }
}
