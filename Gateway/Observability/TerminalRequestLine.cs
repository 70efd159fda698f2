using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using Gateway.Billing;
using Gateway.Primitives;

namespace Gateway.Observability;

/// <summary>
/// Formats a request line for people: one line, without members that are null. If the line is too long, the least important parts are left
/// out; <c>docs/logging.md</c> lists the parts in both orders. Not thread-safe.
/// </summary>
internal sealed class TerminalRequestLine
{
    /// <summary>The length from which parts are left out, the time and the level included.</summary>
    public const int MaxLength = 140;

    private const int LongestMethod = 8;
    private const int LongestPath = 40;
    private const int LongestName = 24;
    private const int LongestModel = 32;
    private const int LongestReason = 40;
    private const int LongestId = 40;

    private const int ShortId = 12;
    private const int ShortPath = 12;

    // A part of this rank is never left out; of the others, those of the highest rank are first.
    private const int Required = 0;

    // The request's id is never left out either: it is shortened.
    private const int Id = 7;
    private const int HighestRank = 9;

    private readonly List<(string Text, int Rank)> _parts = [];
    private int _path;

    /// <summary>Formats a line. The characters that a terminal would obey are escaped, and count as they are shown.</summary>
    /// <param name="line">The line.</param>
    /// <param name="maxLength">The number of characters from which parts are left out.</param>
    public string Format(RequestLine line, int maxLength)
    {
        _parts.Clear();
        AddParts(line);
        var length = _parts.Sum(static part => part.Text.Length + 1) - 1;
        for (var rank = HighestRank; rank > Required && length > maxLength; rank--)
        {
            for (var i = _parts.Count - 1; i >= 0; i--)
            {
                if (_parts[i].Rank != rank)
                {
                    continue;
                }

                length -= _parts[i].Text.Length + 1;
                if (rank == Id)
                {
                    _parts[i] = (_parts[i].Text.Length > ShortId ? _parts[i].Text[..ShortId] + '…' : _parts[i].Text, Required);
                    length += _parts[i].Text.Length + 1;
                }
                else
                {
                    _parts.RemoveAt(i);
                }
            }
        }

        if (length > maxLength)
        {
            var path = _parts[_path].Text;
            _parts[_path] = (Shorten(path, Math.Max(ShortPath, path.Length - (length - maxLength))), Required);
        }

        return string.Join(' ', _parts.Select(static part => part.Text));
    }

    private void AddParts(RequestLine line)
    {
        Add(Shorten(line.Method, LongestMethod), Required);
        _path = _parts.Count;
        Add(Shorten(line.Path, LongestPath), Required);
        Add(Number(line.Status), Required);
        if (line.Code is not null || line.End != RequestEnd.Completed)
        {
            Add(line.Code ?? line.End.ToWord(), Required);
        }

        Add(Time(line.Elapsed), Required);
        if (line.Team is { } team)
        {
            Add($"{Shorten(team.Id, LongestName)}/{Shorten(team.Key ?? "", LongestName)}", Required);
        }

        Add(Models(line), 1);
        if (line.Team is { } call)
        {
            Add(Shorten(call.Provider, LongestName), 4);
            if ((call.PromptTokens ?? call.CompletionTokens) is not null)
            {
                Add($"{Number(call.PromptTokens ?? 0)}+{Number(call.CompletionTokens ?? 0)} tok", 3);
            }

            // The state is told if the bill is not final.
            Add(call.Usd is null ? null : $"${call.Usd}{(call.BillState == nameof(GenerationState.Settled) ? "" : " " + call.BillState)}", 2);
        }

        Add((line.Team?.FirstToken ?? line.FirstByte) is { } first ? $"first {Time(first)}" : null, 6);
        Add(line.Attempts is > 1 and var attempts ? $"attempts {Number(attempts)}" : null, 2);
        Add(line.Rule is null ? null : $"rule {Shorten(line.Rule, LongestName)}", 5);
        Add(line.Reason is null ? null : $"({Shorten(line.Reason, LongestReason)})", 8);
        Add(Shorten(line.RequestId, LongestId), Id);
        Add(Shorten(line.GenerationId, LongestId), HighestRank);
    }

    /// <summary>The requested model, and the model that is sent and that has answered where they differ.</summary>
    private static string? Models(RequestLine line)
    {
        var names = new List<string>(3);
        foreach (var name in (ReadOnlySpan<string?>)[line.Model, line.SentModel, line.Team?.AnsweredModel])
        {
            if (name is not null && (names.Count == 0 || names[^1] != name))
            {
                names.Add(name);
            }
        }

        // Two names have the room of one and a half.
        var longest = names.Count > 1 ? LongestModel * 3 / 4 : LongestModel;
        return names.Count == 0 ? null : string.Join(" > ", names.Select(name => Shorten(name, longest)));
    }

    private void Add(string? text, int rank)
    {
        if (!string.IsNullOrEmpty(text))
        {
            _parts.Add((text, rank));
        }
    }

    /// <summary>Leaves out the middle of a long text: models differ in their beginning and in their end.</summary>
    [return: NotNullIfNotNull(nameof(text))]
    private static string? Shorten(string? text, int longest)
    {
        text = text is null ? null : TerminalText.Escape(text);
        if (text is null || text.Length <= longest)
        {
            return text;
        }

        var tail = (longest - 1) / 2;
        return new StringBuilder(longest).Append(text, 0, longest - 1 - tail).Append('…').Append(text, text.Length - tail, tail).ToString();
    }

    private static string Time(double milliseconds) => milliseconds < 1000
        ? string.Create(CultureInfo.InvariantCulture, $"{milliseconds:0.#} ms")
        : string.Create(CultureInfo.InvariantCulture, $"{milliseconds / 1000:0.##} s");

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);
}
