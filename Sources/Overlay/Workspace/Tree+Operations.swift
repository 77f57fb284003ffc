// The operations of a tree, each group a type of its own.

extension Tree {
    /// Makes, removes and renames names, and gives inodes further ones.
    package var names: NameChanges { NameChanges(tree: self) }
    /// Changes the attributes of inodes, extended ones too.
    package var attributes: FileAttributes { FileAttributes(tree: self) }
    /// Lists directories.
    package var directories: DirectoryReader { DirectoryReader(tree: self) }
    /// What the tree does around the edits of a file and its reads.
    package var edits: EditSessions { EditSessions(tree: self) }
    /// Restores the content of files within transactions.
    package var restores: ContentRestores { ContentRestores(tree: self) }
    /// What inodes have of files of the base: their content of then or of now.
    package var baseFiles: BaseFiles { BaseFiles(tree: self) }
    /// What checkpoints take from memory and let go of.
    package var checkpoints: TreeCheckpoints { TreeCheckpoints(tree: self) }
    /// What recovery mends in the tree.
    package var recovery: TreeRecovery { TreeRecovery(tree: self) }
    /// What the tree takes of memory and of the disk.
    package var bounds: TreeBounds { TreeBounds(tree: self) }
    /// Finds what paths lead to, and paths of inodes.
    package var paths: PathLookup { PathLookup(tree: self) }
}
