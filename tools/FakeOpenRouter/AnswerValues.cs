using System.Text.Json;

namespace FakeOpenRouter;

/// <summary>What fills the gaps of one answer's templates.</summary>
internal sealed class AnswerValues
{
    public required string Id { get; init; }

    public required JsonEncodedText Model { get; init; }

    public required JsonEncodedText Provider { get; init; }

    public required Usage Usage { get; init; }

    /// <summary>Whether the answer has its <c>usage</c>.</summary>
    public bool TellsUsage { get; init; } = true;

    /// <summary>The text of the answer or of the present event, as the inside of a JSON string.</summary>
    public ReadOnlyMemory<byte> Text { get; set; }

    /// <summary>Which event of text this is, from 0.</summary>
    public int Index { get; set; }

    /// <summary>Which event of the stream this is, from 0.</summary>
    public int Sequence { get; set; }
}
