package import ArgumentParser
import Spool

/// Model names of the spool, for the shell's completion.
package enum ModelCompletion {
    package static let names = CompletionKind.custom { words, _, _ in SpoolOptions.layout(JobCompletion.spool(words)).modelNames }
}
