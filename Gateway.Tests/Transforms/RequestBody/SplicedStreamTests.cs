using System.Buffers;
using System.Runtime.InteropServices;
using System.Text;
using CsCheck;
using Gateway.Tests.Support;
using OpenRouterGateway.Transforms.RequestBody;
using Xunit;

namespace Gateway.Tests.Transforms.RequestBody;

public class SplicedStreamTests
{
    // A list of edits as (gap to the previous one, bytes removed, bytes inserted), laid over a body of that many bytes.
    private static readonly Gen<(byte[] Body, BodyEdit[] Edits)> BodiesWithEdits =
        from body in Gen.Byte.Array[0, 200]
        from steps in Gen.Select(Gen.Int[0, 40], Gen.Int[0, 20], Gen.Byte.Array[0, 30]).Array[0, 8]
        select (body, Layout(body.Length, steps));

    [Fact]
    public void Splice_EqualsARebuildByHand() =>
        Gen.Select(BodiesWithEdits, Gen.Int[1, 50], Gen.Int[0, 70].Array[1, 20]).Sample((input, segmentSize, readSizes) =>
        {
            var (body, edits) = input;
            var ended = 0;
            using var stream = new SplicedStream(SegmentedSequence.Create(body, segmentSize), edits, () => ended++);
            var expected = Rebuild(body, edits);
            Assert.Equal(expected.Length, stream.Length);

            var read = new List<byte>();
            for (var i = 0; ended == 0; i++)
            {
                // Reads of nothing are mixed in: they are a question, not the end.
                var size = readSizes.All(size => size == 0) ? 1 : readSizes[i % readSizes.Length];
                var buffer = new byte[size];
                var count = stream.Read(buffer);
                Assert.InRange(count, 0, size);
                read.AddRange(buffer.AsSpan(0, count));
                Assert.Equal(read.Count, stream.Position);
                Assert.True(count > 0 || size == 0 || ended == 1, "a read of nothing that is not the end");
            }

            Assert.Equal(expected, read);
            Assert.Equal(0, stream.Read(new byte[8]));
            Assert.Equal(1, ended);
        });

    [Fact]
    public void Runs_AreTheBytesBetweenTheEdits_WithoutACopy() =>
        Gen.Select(BodiesWithEdits, Gen.Int[1, 50], Gen.Int[1, 30], Gen.Int[1, 20]).Sample((input, segmentSize, least, readSize) =>
        {
            var (body, edits) = input;
            var ended = 0;
            using var stream = new SplicedStream(SegmentedSequence.Create(body, segmentSize), edits, () => ended++);
            var read = new List<byte>();
            while (ended == 0)
            {
                var run = stream.TakeRun(least);
                Assert.True(run.IsEmpty || (run.Length >= least && run.Length <= segmentSize), $"a run of {run.Length}");
                read.AddRange(run.Span);
                var buffer = new byte[readSize];
                read.AddRange(buffer.AsSpan(0, stream.Read(buffer)));
                Assert.Equal(read.Count, stream.Position);
            }

            Assert.Equal(Rebuild(body, edits), read);
            Assert.True(stream.TakeRun(1).IsEmpty);
            Assert.Equal(1, ended);
        });

    [Fact]
    public void Run_IsTheBlockItself_UpToTheEdit()
    {
        byte[] body = [.. Enumerable.Range(0, 200).Select(i => (byte)i)];
        using var stream = new SplicedStream(new ReadOnlySequence<byte>(body), [new BodyEdit(150, 10, "x"u8.ToArray())], () => { });
        var head = stream.TakeRun(100);
        Assert.Equal(150, head.Length);
        Assert.True(MemoryMarshal.TryGetArray(head, out var array) && ReferenceEquals(array.Array, body));
        Assert.True(stream.TakeRun(1).IsEmpty, "inserted bytes are no run");
        Assert.Equal(1, stream.Read(new byte[1]));
        Assert.True(stream.TakeRun(100).IsEmpty, "40 bytes are fewer than 100");
        Assert.Equal(body[160..], stream.TakeRun(40).ToArray());
    }

    [Fact]
    public async Task EveryWayToRead_GivesTheSameBytes()
    {
        var body = Encoding.UTF8.GetBytes("{\"model\":\"a\",\"provider\":1,\"x\":2}");
        BodyEdit[] edits = [new(9, 3, "\"b\""u8.ToArray()), new(13, 13, default), new(31, 0, ",\"provider\":{}"u8.ToArray())];
        var expected = "{\"model\":\"b\",\"x\":2,\"provider\":{}}"u8.ToArray();
        var token = TestContext.Current.CancellationToken;
        Assert.Equal(expected, Rebuild(body, edits));

        using var copied = new MemoryStream();
        await Open().CopyToAsync(copied, token);
        Assert.Equal(expected, copied.ToArray());

        var exact = new byte[expected.Length];
        await Open().ReadExactlyAsync(exact, token);
        Assert.Equal(expected, exact);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            async () => await Open().ReadExactlyAsync(exact, new CancellationToken(canceled: true)));

        SplicedStream Open() => new(SegmentedSequence.Create(body, 5), edits, () => { });
    }

    [Fact]
    public void ReadOfNothing_IsNotTheEnd()
    {
        var ended = false;
        using var stream = new SplicedStream(SegmentedSequence.Create("ab"u8.ToArray()), [], () => ended = true);
        Assert.Equal(0, stream.Read([]));
        Assert.Equal(2, stream.Read(new byte[10]));
        Assert.Equal(0, stream.Read([]));
        Assert.False(ended);
        Assert.Equal(0, stream.Read(new byte[10]));
        Assert.True(ended);
    }

    [Fact]
    public void ReadAfterDispose_Throws()
    {
        // Its blocks may hold another request's body by now.
        var stream = new SplicedStream(SegmentedSequence.Create("ab"u8.ToArray()), [], () => { });
        stream.Dispose();
        Assert.Throws<ObjectDisposedException>(() => stream.Read(new byte[10]));
        Assert.Throws<ObjectDisposedException>(() => stream.TakeRun(1));
    }

    private static BodyEdit[] Layout(int length, (int Gap, int Remove, byte[] Insert)[] steps)
    {
        var edits = new List<BodyEdit>();
        var at = 0;
        foreach (var (gap, remove, insert) in steps)
        {
            at += gap;
            if (at > length)
            {
                break;
            }

            var removed = Math.Min(remove, length - at);
            edits.Add(new BodyEdit(at, removed, insert));
            at += removed;
        }

        return [.. edits];
    }

    private static byte[] Rebuild(byte[] body, BodyEdit[] edits)
    {
        var result = new List<byte>(body);
        foreach (var edit in edits.Reverse())
        {
            result.RemoveRange(edit.Offset, edit.Remove);
            result.InsertRange(edit.Offset, edit.Insert.ToArray());
        }

        return [.. result];
    }
}
