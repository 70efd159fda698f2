namespace Gateway.Upstream;

/// <summary>Decides by the beginning of a response whether it is upstream's error. Judges one response.</summary>
internal interface IAnswerJudge
{
    /// <summary>The number of data events that were judged without a decision, except <c>ping</c>.</summary>
    int DataEvents { get; }

    /// <summary>Judges the part of the response that has arrived.</summary>
    /// <param name="held">The response from its beginning.</param>
    /// <param name="isWhole">Whether this is the whole response.</param>
    AnswerVerdict Judge(ReadOnlySpan<byte> held, bool isWhole);
}
