import ArgumentParser
package import Manifest

/// Options of programs that say how frozen weights lie on the device; the help lists the words.
extension BaseWeights: ExpressibleByArgument {}
