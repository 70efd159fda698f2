namespace Gateway.Upstream;

/// <summary>Lets a response pass with its first byte: one that cannot be read, or whose status is not 200.</summary>
internal sealed class AnyByteJudge : IAnswerJudge
{
    /// <summary>The judge of every such response.</summary>
    public static AnyByteJudge Instance { get; } = new();

    /// <inheritdoc />
    public int DataEvents => 0;

    /// <inheritdoc />
    public AnswerVerdict Judge(ReadOnlySpan<byte> held, bool isWhole) => held.IsEmpty ? AnswerVerdict.Undecided : AnswerVerdict.Passes;
}
