/// How several processes of a job are started: the administrator's `launch:` in policy.yaml.
package struct Launch: Sendable, Hashable {
    package enum Launcher: String, Sendable, Hashable, CaseIterable {
        case mpirun, slurm
        /// One worker carries every job.
        case none
    }
    package var launcher: Launcher
    /// Hosts that carry processes; empty: this one alone, or those of the allocation.
    package var hosts: [String]
    /// Hosts of the allocation of Slurm that the launcher runs in; nil: it runs in none.
    package var allocatedHosts: Int?
    /// The network between the hosts, as `10.0.0.0/24`: no other interface is used.
    package var network: String?
    package var partition: String?
    /// Processes of a job that may run on the processor of a host, which then share its cores.
    package var processorShares: Int

    package init(
        launcher: Launcher = .mpirun, hosts: [String] = [], network: String? = nil, partition: String? = nil, processorShares: Int = 1,
        allocatedHosts: Int? = nil
    ) {
        (self.launcher, self.hosts, self.network, self.partition) = (launcher, hosts, network, partition)
        (self.processorShares, self.allocatedHosts) = (processorShares, allocatedHosts)
    }

    /// The same inside of an allocation: with Slurm as the launcher, its hosts and its tasks are
    /// what there is, unless the administrator names hosts.
    package func within(_ allocation: Allocation?) -> Launch {
        guard launcher == .slurm, hosts.isEmpty, let allocation else { return self }
        var launch = self
        launch.allocatedHosts = allocation.hostCount
        launch.processorShares = allocation.tasksOfHost
        return launch
    }

    /// How many hosts carry processes.
    package var hostCount: Int { max(1, allocatedHosts ?? hosts.count) }

    /// Hosts that carry so many processes, and how many each; none are named where there are those
    /// of an allocation.
    package func division(of processes: Int) -> (hosts: [String], each: Int) {
        let used = max(1, min(processes, hostCount))
        return (Array(hosts.prefix(used)), (processes + used - 1) / used)
    }

    /// The launcher's command line, itself the first word.
    /// - Parameters:
    ///   - program: `tala-rank` by its path.
    ///   - devices: of a host, each for one process.
    ///   - launchedBy: the launcher's process.
    ///   - isRoot: Open MPI wants to be told that this is meant.
    ///   - openMPI: its release, 4 or 5.
    package func words(
        program: String, processes: Int, job: String, devices: [String], launchedBy: Int32? = nil, isRoot: Bool, openMPI: Int
    ) -> [String] {
        var own = [program, "run", "--job", job, "--processes", "\(processes)"] + devices.flatMap { ["--device", $0] }
        if let launchedBy { own += ["--launched-by", "\(launchedBy)"] }
        switch launcher {
        case .mpirun: return ["mpirun", "-n", "\(processes)"] + mpirun(processes, isRoot, openMPI) + own
        case .slurm: return ["srun", "-Q", "-K1", "--mpi=pmix", "-n", "\(processes)"] + srun(processes) + own
        case .none: return own
        }
    }

    /// Release 4 and 5 name some parameters differently; what one does not know it ignores. Options
    /// it does not ignore: release 5 has no `--quiet`.
    private func mpirun(_ processes: Int, _ isRoot: Bool, _ release: Int) -> [String] {
        func parameter(_ name: String, _ value: String) -> [String] { ["--mca", name, value] }
        var words = ["--bind-to", "none", "--oversubscribe"]
        if release < 5 { words.append("--quiet") }
        if isRoot { words.append("--allow-run-as-root") }
        // A rank that is confined may neither read another's memory nor connect later.
        words += parameter("btl_vader_single_copy_mechanism", "none") + parameter("smsc", "^cma") + parameter("mpi_preconnect_mpi", "1")
        words += parameter("mpi_yield_when_idle", "1")
        if hosts.isEmpty {
            words += parameter("btl", "^tcp")
            // Release 5 leaves the loopback out where there is another interface, and takes it
            // where there is none, as in the daemon's unit.
            if release < 5 { words += parameter("oob_tcp_if_include", "lo") }
        } else {
            let (hosts, each) = division(of: processes)
            words += ["--host", hosts.map { "\($0):\(each)" }.joined(separator: ","), "--map-by", "slot"]
            if let network { words += parameter("btl_tcp_if_include", network) + parameter("oob_tcp_if_include", network) }
            // What is left on a host that the network has lost ends within a minute, and not after
            // eight.
            words += parameter("oob_tcp_keepalive_time", "20") + parameter("oob_tcp_keepalive_intvl", "10")
            words += parameter("oob_tcp_keepalive_probes", "3")
        }
        return words
    }

    /// Slurm hands the parameters of Open MPI on in the environment.
    private func srun(_ processes: Int) -> [String] {
        var words: [String] = []
        let (hosts, _) = division(of: processes)
        if !hosts.isEmpty { words += ["-N", "\(hosts.count)", "-w", hosts.joined(separator: ",")] }
        // Steps of one allocation run beside each other, and a process may have all processors that
        // its host gives to the allocation: it divides them with its like.
        if allocatedHosts != nil { words += ["-N", "\(min(processes, hostCount))", "--overlap", "--cpu-bind=none"] }
        if let partition { words += ["-p", partition] }
        let parameters = [
            "OMPI_MCA_btl_vader_single_copy_mechanism=none", "OMPI_MCA_smsc=^cma", "OMPI_MCA_mpi_preconnect_mpi=1",
            "OMPI_MCA_mpi_yield_when_idle=1",
        ]
        let networks = network.map { ["OMPI_MCA_btl_tcp_if_include=\($0)"] } ?? []
        return words + ["--export=" + (["ALL"] + parameters + networks).joined(separator: ",")]
    }
}
