import Foundation
import Jobs
import Manifest
import Spool
import Storage
import Testing

@testable import Daemon

/// How many processes carry a job of several lanes, where, and what becomes of it when they end.
@Suite(.serialized) struct GangTests {
    private func gang(
        ranks: Int, devices: [String], device: String = "auto", launch: Launch = Launch(), busy: Set<Int> = []
    ) -> GangChoice? {
        var slots = devices.map { WorkerSupervisor.DeviceSlot(selector: $0) }
        for index in busy { slots[index].helps = "another" }
        let entry = Queue.Entry(id: "ftjob-1", owner: 1, device: device, ranks: ranks)
        return GangChoice(for: entry, from: 0, of: slots, program: "/x/tala-rank", launch)
    }

    @Test func aJobTakesAsManyFreeDevicesOfOneKindAsItsLanesHaveBranches() throws {
        let cards = (0..<4).map { "vulkan:\($0)" }
        let four = try #require(gang(ranks: 8, devices: cards))
        #expect(four.gang.processes == 4 && four.helpers == [1, 2, 3] && four.gang.devices == cards)
        let two = try #require(gang(ranks: 4, devices: cards, busy: [2]))
        #expect(two.gang.processes == 2 && two.helpers == [1] && two.gang.devices == ["vulkan:0", "vulkan:1"])
        // Six lanes in two processes would be another tree.
        #expect(gang(ranks: 6, devices: Array(cards.prefix(2))) == nil)
        #expect(gang(ranks: 2, devices: ["vulkan:0", "cpu"]) == nil)
        #expect(gang(ranks: 1, devices: cards) == nil && gang(ranks: 4, devices: ["auto"]) == nil)
        #expect(gang(ranks: 4, devices: cards, device: "vulkan:0") == nil)
    }

    @Test func cardsOfAnotherKindAndWhatMemoryDoesNotHoldAreLeftOut() throws {
        var slots = (0..<4).map { WorkerSupervisor.DeviceSlot(selector: "vulkan:\($0)", kind: $0 == 1 ? "small" : "large") }
        let entry = Queue.Entry(id: "ftjob-1", owner: 1, ranks: 4)
        let two = try #require(GangChoice(for: entry, from: 0, of: slots, program: "/x/tala-rank", Launch()))
        #expect(two.gang.devices == ["vulkan:0", "vulkan:2"] && two.here == 2)
        #expect(GangChoice(for: entry, from: 1, of: slots, program: "/x/tala-rank", Launch()) == nil)
        slots = slots.map { WorkerSupervisor.DeviceSlot(selector: $0.selector) }
        let fewer = try #require(GangChoice(for: entry, from: 0, of: slots, program: "/x/tala-rank", Launch()) { here, _ in here < 4 })
        #expect(fewer.gang.processes == 2 && fewer.helpers == [1])
        #expect(GangChoice(for: entry, from: 0, of: slots, program: "/x/tala-rank", Launch()) { _, _ in false } == nil)
    }

    @Test func vulkanStandsForEveryCardOnceThatAWorkerFinds() throws {
        let spool = try TestSpool(worker: "exit 1")
        defer { spool.remove() }
        func finder(_ devices: [String], _ script: String) throws -> CardFinder {
            let path = spool.layout.root + "/cards.sh"
            try DurableFiles.replace(path, with: "#!/bin/sh\n[ \"$1\" = cards ] || exit 9\n\(script)\n", mode: 0o755)
            return CardFinder(devices, program: path, patience: 2_000)
        }
        let two = #"echo '[{"device": "vulkan:0", "kind": "a"}, {"device": "vulkan:2", "kind": "b"}, {"device": "cpu", "kind": "c"}]'"#
        let found = try finder(["vulkan", "cpu"], two)
        #expect(found.devices == ["vulkan:0", "vulkan:2", "cpu"] && found.complaint == nil)
        #expect(found.kinds == ["vulkan:0": "a", "vulkan:2": "b"])
        #expect(try finder(["vulkan:2", "vulkan"], two).devices == ["vulkan:2", "vulkan:0"])
        #expect(try finder(["vulkan"], #"echo '[{"device": "vulkan:0", "kind": "a"}]'"#).devices == ["vulkan"])
        for silent in ["exit 3", "echo '[{'", "sleep 20", two + "; exit 1"] {
            let none = try finder(["vulkan"], silent)
            #expect(none.devices == ["vulkan"] && none.complaint != nil, "\(silent)")
        }
        // Nobody is asked where nobody has to be.
        #expect(CardFinder(["cpu", "vulkan:1"], program: "/nowhere").complaint == nil)
    }

    @Test func hostsMultiplyWhatOneCarries() throws {
        let launch = Launch(hosts: ["a", "b", "c"], processorShares: 2)
        let found = try #require(gang(ranks: 8, devices: ["cpu"], launch: launch))
        #expect(found.gang.processes == 4 && found.helpers.isEmpty && found.gang.devices == ["cpu"])
        #expect(launch.division(of: 4).hosts == ["a", "b", "c"] && launch.division(of: 4).each == 2)
        #expect(launch.division(of: 2).hosts == ["a", "b"] && launch.division(of: 2).each == 1)
        let words = launch.words(program: "/x/tala-rank", processes: 4, job: "/j", devices: ["cpu"], isRoot: false, openMPI: 4)
        #expect(words.first == "mpirun" && words.contains("--quiet"))
        #expect(words.contains("a:2,b:2,c:2") && !words.contains("--allow-run-as-root"))
        #expect(words.suffix(8) == ["/x/tala-rank", "run", "--job", "/j", "--processes", "4", "--device", "cpu"])
        // Of what release 5 of Open MPI does not know: an option ends it, and with one interface
        // alone it would find none on a host with several.
        let newer = Launch().words(program: "t", processes: 2, job: "/j", devices: ["cpu"], isRoot: true, openMPI: 5)
        #expect(!newer.contains("--quiet") && !newer.contains("oob_tcp_if_include") && newer.contains("--allow-run-as-root"))
        let slurm = Launch(launcher: .slurm, hosts: ["a", "b"], network: "10.0.0.0/24", partition: "gpu")
        let line = slurm.words(program: "t", processes: 2, job: "/j", devices: ["cpu"], isRoot: true, openMPI: 5).joined(separator: " ")
        #expect(line.hasPrefix("srun -Q -K1 --mpi=pmix -n 2 -N 2 -w a,b -p gpu --export=ALL,"))
        #expect(line.contains("OMPI_MCA_btl_tcp_if_include=10.0.0.0/24"))
    }

    /// A batch job of Slurm has hosts and tasks, which `launch` need not name.
    @Test func anAllocationSaysHowManyProcessesAndWhere() throws {
        let variables = ["SLURM_JOB_ID": "7", "SLURM_JOB_NUM_NODES": "2", "SLURM_NTASKS": "8"]
        let allocation = try #require(Allocation { variables[$0] })
        #expect(allocation == Allocation(hostCount: 2, taskCount: 8))
        let launch = Launch(launcher: .slurm).within(allocation)
        #expect(try #require(gang(ranks: 8, devices: ["cpu"], launch: launch)).gang.processes == 8)
        let found = try #require(gang(ranks: 4, devices: ["cpu"], launch: launch))
        #expect(found.gang.processes == 4 && found.gang.arguments.contains("--allocated-hosts"))
        let words = launch.words(program: "t", processes: 4, job: "/j", devices: ["cpu"], launchedBy: 9, isRoot: false, openMPI: 5)
        let line = words.joined(separator: " ")
        #expect(line.hasPrefix("srun -Q -K1 --mpi=pmix -n 4 -N 2 --overlap --cpu-bind=none --export=ALL,"))
        #expect(!words.contains("-w") && line.hasSuffix("t run --job /j --processes 4 --device cpu --launched-by 9"))
        // Two cards of each host.
        let cards = try #require(gang(ranks: 4, devices: ["vulkan:0", "vulkan:1"], launch: launch))
        #expect(cards.gang.processes == 4 && cards.helpers == [1])
        // What the administrator says goes before, and another launcher knows nothing of it.
        #expect(Launch(launcher: .slurm, hosts: ["a"]).within(allocation).allocatedHosts == nil)
        #expect(Launch().within(allocation) == Launch() && Launch(launcher: .slurm).within(nil).hostCount == 1)
        #expect(Allocation { _ in nil } == nil)
        #expect(Allocation { ["SLURM_JOB_ID": "7", "SLURM_JOB_NUM_NODES": "x"][$0] } == Allocation(hostCount: 1, taskCount: 1))
    }

    @Test func withoutALauncherOneWorkerCarriesAllLanes() throws {
        let policy = try Policy(ManifestText(Array("launch: {launcher: none}".utf8), isYAML: true))
        #expect(gang(ranks: 4, devices: ["vulkan:0", "vulkan:1"], launch: policy.launch) == nil)
    }

    @Test(arguments: [
        ("launch: {launcher: none, hosts: [a]}", "launch.hosts"),
        ("launch: {launcher: ssh}", "launch.launcher"), ("launch: {hosts: [--x]}", "launch.hosts"),
        ("launch: {hosts: ['a;b']}", "launch.hosts"),
        ("launch: {network: eth0}", "launch.network"), ("launch: {network: 10.0.0.0/33}", "launch.network"),
        ("launch: {processor_shares: 0}", "launch.processor_shares"), ("launch: {host: a}", "launch.host"),
    ])
    func whatWouldBecomeAnotherCommandLineIsRefused(text: String, key: String) {
        let error = #expect(throws: ManifestError.self) { _ = try Policy(ManifestText(Array(text.utf8), isYAML: true)) }
        #expect(error?.param == key, "\(String(describing: error))")
    }

    /// A launcher that is a script: the job's folder is its third word.
    private static func rankScript(_ body: String, in spool: TestSpool) throws -> String {
        let path = spool.layout.root + "/tala-rank"
        let worker = try String(decoding: DurableFiles.read(spool.workerPath), as: UTF8.self)
        let functions = worker.components(separatedBy: "if [ $task = validate ]")[0].components(separatedBy: "device=$5\n")
        try DurableFiles.replace(path, with: "#!/bin/sh\ntask=$1\njob=$3\n\(functions[1])\n\(body)\n", mode: 0o755)
        chmod(path, 0o755)
        return path
    }

    private static let manifest = TestSpool.manifest + "ranks: 2\n"

    @Test func theDaemonStartsTheLauncherAndLendsItBothDevices() throws {
        let spool = try TestSpool(worker: "state failed; exit 1")
        defer { spool.remove() }
        let program = try Self.rankScript("echo \"$@\" >$job/../../arguments; state succeeded; exit 0", in: spool)
        try spool.drop("a.yaml", Self.manifest)
        let exit = try spool.drain {
            $0.devices = ["vulkan:0", "vulkan:1"]
            $0.rankProgram = program
        }
        #expect(exit == 0)
        let words = String(decoding: try DurableFiles.read(spool.layout.root + "/arguments"), as: UTF8.self)
        #expect(words.hasPrefix("launch --job ") && words.contains("--processes 2 --launcher mpirun --device vulkan:0 --device vulkan:1"))
        #expect(words.contains("--parent \(getpid())"))
    }

    @Test func withoutItsProgramOneWorkerCarriesAllLanes() throws {
        let spool = try TestSpool(worker: "state succeeded; exit 0")
        defer { spool.remove() }
        try spool.drop("a.yaml", Self.manifest)
        #expect(try spool.drain { $0.devices = ["vulkan:0", "vulkan:1"] } == 0)
    }

    /// Two kills from outside in one step must not count as the step's fault.
    @Test func aLaunchersExitCodeAbove128IsASignal() throws {
        let spool = try TestSpool(worker: "exit 1")
        defer { spool.remove() }
        let program = try Self.rankScript(
            "n=$(cat $job/../../n 2>/dev/null || echo 0); echo $((n + 1)) >$job/../../n; pulse step 3; [ $n -lt 2 ] && exit 137; state succeeded; exit 0",
            in: spool)
        try spool.drop("a.yaml", Self.manifest)
        #expect(
            try spool.drain {
                $0.devices = ["vulkan:0", "vulkan:1"]
                $0.rankProgram = program
            } == 0)
        let job = spool.layout.job(try #require(spool.jobs.first).id)
        let events = String(decoding: try DurableFiles.read(job.eventsFile), as: UTF8.self)
        #expect(events.contains("ended by signal 9") && job.status()?.state == .succeeded)
    }
}
