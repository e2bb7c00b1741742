// Scales that read the same with any colour vision: viridis for amounts, blue to red around zero for typicality.

const VIRIDIS = "440154 482878 3e4989 31688e 26828e 1f9e89 35b779 6ece58 b5de2b fde725";
const DIVERGING = "053061 2166ac 4393c3 92c5de d1e5f0 f7f7f7 fddbc7 f4a582 d6604d b2182b 67001f";
// Okabe and Ito's, then each the farthest from those before it in OKLab, by the worst of normal and red- or green-blind vision.
const NAMED = (
  "0072b2 e69f00 009e73 cc79a7 d55e00 56b4e9 f0e442 692d2d 0000ff 00f0d2 4b1e96 8778ff a52d69 87c387 964b00 0f4bc3 " +
  "780069 87d2ff b4e196 f05a69 c31e96 695ae1 5a87d2 b44b4b f0c34b 87c3c3 00a5c3 873c3c d2872d 006978 7896ff 1e0fc3"
).split(" ");

const hex = (text) => [0, 2, 4].map((at) => parseInt(text.slice(at, at + 2), 16));
const table = (stops) => {
  const anchors = stops.split(" ").map(hex);
  return Array.from({ length: 256 }, (_, level) => {
    const place = (level / 255) * (anchors.length - 1);
    const low = Math.min(Math.floor(place), anchors.length - 2);
    return anchors[low].map((one, channel) => Math.round(one + (anchors[low + 1][channel] - one) * (place - low)));
  });
};
const viridisTable = table(VIRIDIS);
const divergingTable = table(DIVERGING);

const level = (share) => Math.max(0, Math.min(255, Math.round(share * 255)));

/** [red, green, blue] for a share from 0 to 1. */
export const viridis = (share) => viridisTable[level(share)];

/** [red, green, blue] for a value; colours saturate at plus and minus `scale`. */
export const diverging = (value, scale) => divergingTable[level(value / (2 * scale) + 0.5)];

/** The colour as one number, in the order of a canvas' bytes, for typed arrays. */
export const packedColour = ([red, green, blue]) => ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;

/** What was packed, as CSS writes it. */
export const cssOf = (packed) => `rgb(${packed & 255} ${(packed >> 8) & 255} ${(packed >> 16) & 255} / ${(packed >>> 24) / 255})`;

export const css = ([red, green, blue]) => `rgb(${red} ${green} ${blue})`;

/** A colour for a number; 32 are told apart with any colour vision, further ones by place and name too. */
export const categorical = (number) => hex(NAMED[number % NAMED.length]);
