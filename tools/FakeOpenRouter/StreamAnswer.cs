using System.Buffers;

namespace FakeOpenRouter;

/// <summary>Writes the event stream of a call, as its script says.</summary>
internal static class StreamAnswer
{
    private static readonly byte[] KeepAlive = ": OPENROUTER PROCESSING\n\n"u8.ToArray();

    /// <summary>Writes an event stream. Returns whether it ended properly.</summary>
    public static async Task<bool> WriteAsync(FakeScript script, AnswerWriter writer, ReceivedRequest? record, Call call)
    {
        var stream = call.Dialect.Stream!;
        var values = call.Values;
        var sent = 0;
        var buffer = new ArrayBufferWriter<byte>(512);
        if (script.FirstByteDelay > TimeSpan.Zero || script.Step || script.StallAfter is 0 || script.CutAfter is 0)
        {
            await writer.FlushHeadersAsync();
            await writer.PauseAsync(script.FirstByteDelay);
        }

        if (await IsOverAsync())
        {
            return false;
        }

        for (var i = 0; i < script.KeepAlives; i++)
        {
            await writer.WriteAsync(KeepAlive);
            await writer.PauseAsync(script.KeepAliveInterval);
        }

        foreach (var (template, text) in Events())
        {
            values.Text = text;
            if (!await SendAsync(template) || await IsOverAsync())
            {
                return false;
            }
        }

        return true;

        IEnumerable<(AnswerTemplate Template, ReadOnlyMemory<byte> Text)> Events()
        {
            foreach (var template in stream.Opening)
            {
                yield return (template, default);
            }

            ReadOnlyMemory<byte> filler = script.Size > 0 ? Filler(script.Size / Math.Max(1, script.Events)) : " word"u8.ToArray();
            for (values.Index = 0; values.Index < script.Events; values.Index++)
            {
                call.Bill.Produce(values.Index + 1, script.Events);
                yield return (stream.Text, filler);
                if (values.Index == 0 && script.InterimCost is { } cost)
                {
                    yield return (AnswerTemplates.Interim(cost), default);
                }
            }

            call.Bill.Produce(1, 1);
            foreach (var template in stream.Closing)
            {
                yield return (template, "All of the text."u8.ToArray());
            }
        }

        async ValueTask<bool> SendAsync(AnswerTemplate template)
        {
            buffer.ResetWrittenCount();
            values.Sequence = sent;
            template.Write(buffer, values);
            await writer.WriteAsync(buffer.WrittenMemory);
            if (writer.IsCut)
            {
                return false;
            }

            sent++;
            record?.CountEvent();
            await writer.PauseAsync(script.Interval);
            return true;
        }

        async ValueTask<bool> IsOverAsync()
        {
            if (sent == script.StallAfter)
            {
                await writer.PauseAsync(Timeout.InfiniteTimeSpan);
            }

            if (sent == script.CutAfter)
            {
                await writer.CutAsync();
                return true;
            }

            if (sent == script.ErrorAfter)
            {
                await SendAsync(stream.Error);
                return true;
            }

            return sent == script.EndAfter;
        }
    }

    /// <summary>Text of a length.</summary>
    public static byte[] Filler(int length)
    {
        var filler = new byte[Math.Max(0, length)];
        filler.AsSpan().Fill((byte)'x');
        return filler;
    }
}
