using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Gateway.Admission;

/// <summary>Promise: nothing that upstream ignores or reads differently makes an estimate smaller. Bodies are generated.</summary>
public sealed class EstimatePropertyTests : IAsyncLifetime
{
    private static readonly int BodiesPerEndpoint = TestEffort.Times(33);

    private Estimator _estimator = null!;

    public static TheoryData<string> EveryPath => [.. Estimator.Paths];

    public async ValueTask InitializeAsync() => _estimator = await Estimator.CreateAsync(RandomBody.Prices);

    public ValueTask DisposeAsync()
    {
        _estimator.Dispose();
        return ValueTask.CompletedTask;
    }

    [Theory]
    [MemberData(nameof(EveryPath))]
    public void IgnoredMember_NeverLowersTheEstimate(string path) => ForEach(path, (body, random) =>
    {
        foreach (var (name, value) in RandomBody.IgnoredMembers(path, random))
        {
            if (body.Members.All(member => member.Name != name))
            {
                NotLower(path, body.Shortest(), body.With(random, name, value).Shortest());
            }
        }
    });

    [Theory]
    [MemberData(nameof(EveryPath))]
    public void Duplicate_CountsAsTheDearerOfBoth(string path) => ForEach(path, (body, random) =>
    {
        var other = RandomBody.Create(path, random);
        var (name, value) = other.Members[random.Next(other.Members.Count)];
        if (body.Members.FindIndex(member => member.Name == name) is >= 0 and var at)
        {
            var both = new TreeObject([.. body.Members.Append((name, value))]);
            var last = body.Members.ToList();
            last[at] = (name, value);

            NotLower(path, body.Shortest(), both.Shortest());
            NotLower(path, new TreeObject(last).Shortest(), both.Shortest());
        }
    });

    [Theory]
    [MemberData(nameof(EveryPath))]
    public void Spelling_NeverLowersTheEstimate(string path) =>
        ForEach(path, (body, random) => NotLower(path, body.Shortest(), body.Respelled(random)));

    [Theory]
    [MemberData(nameof(EveryPath))]
    public void MoreText_NeverLowersTheEstimate(string path) => ForEach(path, (body, random) =>
    {
        var before = body.Shortest();
        var texts = body.All().OfType<TreeText>().Where(text => text.IsText).ToArray();
        if (texts.Length > 0)
        {
            var text = texts[random.Next(texts.Length)];
            text.Value = text.Value.Insert(random.Next(text.Value.Length + 1), RandomBody.Text(random).Value);
            NotLower(path, before, body.Shortest());
        }

        var arrays = body.All().OfType<TreeArray>().Where(static array => array.Items is [TreeObject or TreeRaw or TreeText { IsText: true }, ..]).ToArray();
        if (arrays.Length > 0)
        {
            before = body.Shortest();
            var array = arrays[random.Next(arrays.Length)];
            array.Items.Add(array.Items[0] is TreeObject && random.Next(2) == 0 ? RandomBody.Part(random) : RandomBody.Text(random));
            NotLower(path, before, body.Shortest());
        }
    });

    private static void ForEach(string path, Action<TreeObject, TestRandom> check)
    {
        var first = TestEffort.Seed(1);
        for (var seed = first; seed < first + (ulong)BodiesPerEndpoint; seed++)
        {
            var random = new TestRandom(seed);
            try
            {
                check(RandomBody.Create(path, random), random);
            }
            catch (Exception failure)
            {
                throw new InvalidOperationException($"Seed {seed}: {failure.Message}", failure);
            }
        }
    }

    private void NotLower(string path, string body, string changed)
    {
        var (before, after) = (_estimator.Estimate(path, body), _estimator.Estimate(path, changed));

        Assert.True(
            after.Cost.Cost >= before.Cost.Cost && after.Cost.Tokens >= before.Cost.Tokens,
            $"POST {path} {Short(body)}\n{before}\nbut {Short(changed)}\n{after}");
    }

    private static string Short(string body) => body.Length < 600 ? body : body[..600] + "…";
}
