namespace Mutants;

/// <summary>One change of the program.</summary>
/// <param name="Id">Its number, from 1, in the order of the files and of their text.</param>
/// <param name="File">The file, relative to the root of the repository.</param>
/// <param name="Line">The line, from 1.</param>
/// <param name="Kind">The kind of the change.</param>
/// <param name="Text">The original text and its replacement.</param>
internal sealed record Mutant(int Id, string File, int Line, string Kind, string Text);
