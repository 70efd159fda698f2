using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Unicode;
using Gateway.Billing;
using Gateway.Ledger;
using Gateway.Primitives;

namespace Gateway.Observability;

/// <summary>
/// Writes a request into the bytes of a slot of <see cref="RecentRequests"/>, and reads it back: the numbers, then the texts, each behind
/// its length. Texts of clients come last, so that a long one is cut at the slot's end and never takes the room of the ids.
/// </summary>
internal static class RequestSlot
{
    /// <summary>The bytes of a slot. A typical request takes 350.</summary>
    public const int Size = 640;

    private const byte Absent = byte.MaxValue;
    private const int LongestText = 200;

    private static ReadOnlySpan<byte> Ellipsis => "…"u8;

    /// <summary>Writes a request. Allocates nothing.</summary>
    public static void Write(Span<byte> slot, RequestLine line, in RequestDetails details)
    {
        var team = line.Team;
        MemoryMarshal.Write(slot, new Numbers
        {
            ArrivedAt = details.ArrivedAt.UtcTicks,
            Row = details.Row ?? Guid.Empty,
            PromptTokens = team?.PromptTokens ?? -1,
            CompletionTokens = team?.CompletionTokens ?? -1,
            Cost = details.Cost?.ToStored() ?? -1,
            Elapsed = line.Elapsed,
            FirstByte = line.FirstByte ?? -1,
            FirstToken = team?.FirstToken ?? -1,
            Status = line.Status,
            Attempts = line.Attempts ?? -1,
            End = (int)line.End,
            State = details.State is { } state ? (int)state : -1,
            Streams = details.Streams is { } streams ? streams ? 1 : 0 : -1,
        });
        var texts = slot[Unsafe.SizeOf<Numbers>()..];
        Write(ref texts, line.RequestId);
        Write(ref texts, line.RequestId == details.OwnRequestId ? null : details.OwnRequestId);
        Write(ref texts, line.GenerationId);
        Write(ref texts, team?.Id);
        Write(ref texts, team?.Key);
        Write(ref texts, line.Code);
        Write(ref texts, line.SettingsVersion);
        Write(ref texts, line.Destination);
        Write(ref texts, details.UpstreamKey);
        Write(ref texts, team?.Provider);
        Write(ref texts, line.Rule);
        Write(ref texts, line.Method);
        Write(ref texts, line.SentModel);
        Write(ref texts, team?.AnsweredModel);
        Write(ref texts, line.Model);
        Write(ref texts, line.Path);
    }

    /// <summary>Reads only when the request of a slot arrived.</summary>
    public static DateTimeOffset ReadArrival(ReadOnlySpan<byte> slot) => new(MemoryMarshal.Read<Numbers>(slot).ArrivedAt, TimeSpan.Zero);

    /// <summary>Reads the request of a slot.</summary>
    public static RequestRecord Read(ReadOnlySpan<byte> slot)
    {
        var numbers = MemoryMarshal.Read<Numbers>(slot);
        var texts = slot[Unsafe.SizeOf<Numbers>()..];
        return new RequestRecord
        {
            Row = numbers.Row == Guid.Empty ? null : numbers.Row,
            Time = new DateTimeOffset(numbers.ArrivedAt, TimeSpan.Zero),
            PromptTokens = Known(numbers.PromptTokens),
            CompletionTokens = Known(numbers.CompletionTokens),
            Cost = Known(numbers.Cost) is { } cost ? PicoDollars.FromStored(cost) : null,
            DurationMs = numbers.Elapsed,
            FirstByteMs = numbers.FirstByte < 0 ? null : numbers.FirstByte,
            FirstTokenMs = numbers.FirstToken < 0 ? null : numbers.FirstToken,
            Status = numbers.Status,
            Attempts = (int?)Known(numbers.Attempts),
            End = ((RequestEnd)numbers.End).ToWord(),
            State = (GenerationState?)(int?)Known(numbers.State),
            IsStream = Known(numbers.Streams) is { } streams ? streams == 1 : null,

            // In the order of Write.
            RequestId = Read(ref texts),
            OwnRequestId = Read(ref texts),
            GenerationId = Read(ref texts),
            Team = Read(ref texts),
            Key = Read(ref texts),
            Code = Read(ref texts),
            SettingsVersion = Read(ref texts),
            Destination = Read(ref texts),
            UpstreamKey = Read(ref texts),
            Provider = Read(ref texts),
            Rule = Read(ref texts),
            Method = Read(ref texts),
            SentModel = Read(ref texts),
            AnsweredModel = Read(ref texts),
            Model = Read(ref texts),
            Path = Read(ref texts),
        };
    }

    private static long? Known(long value) => value < 0 ? null : value;

    private static void Write(ref Span<byte> rest, string? text)
    {
        if (rest.IsEmpty)
        {
            return;
        }

        if (text is null || rest.Length <= 1 + Ellipsis.Length)
        {
            rest[0] = Absent;
            rest = rest[1..];
            return;
        }

        var room = rest.Slice(1, Math.Min(rest.Length - 1, LongestText));
        Utf8.FromUtf16(text, room, out var read, out var length);
        if (read < text.Length)
        {
            Utf8.FromUtf16(text, room[..^Ellipsis.Length], out _, out length);
            Ellipsis.CopyTo(room[length..]);
            length += Ellipsis.Length;
        }

        rest[0] = (byte)length;
        rest = rest[(1 + length)..];
    }

    private static string? Read(ref ReadOnlySpan<byte> rest)
    {
        if (rest.IsEmpty)
        {
            return null;
        }

        var length = rest[0];
        rest = rest[1..];
        if (length == Absent)
        {
            return null;
        }

        var text = Encoding.UTF8.GetString(rest[..length]);
        rest = rest[length..];
        return text;
    }

    /// <summary>The numbers of a request. A value that is not known is -1, a row that does not exist the empty id.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Numbers
    {
        public Guid Row;
        public long ArrivedAt;
        public long PromptTokens;
        public long CompletionTokens;
        public long Cost;
        public double Elapsed;
        public double FirstByte;
        public double FirstToken;
        public int Status;
        public int Attempts;
        public int End;
        public int State;
        public int Streams;
    }
}
