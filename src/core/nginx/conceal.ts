/**
 * Key material can stand in a configuration: as `data:PEM`, in a URI's PIN, or spilled into the arguments of another
 * directive by a missing semicolon or quote. It is taken out where words become a directive, so that nothing made from
 * the tree can hold it.
 */
export const hiddenData = "data:[hidden]";

/** A whole PEM value held in a variable (`data:$name`) is no secret. */
const dataOfVariable = /^data:\$(?:\w+|\{\w+\})$/;
// {0,} and not a star, which with the slash after it would end the comment that the bundle keeps this in.
const pin = /\b(pin-value|pin|passphrase|password)=[^;&?]{0,}/gi;

export function concealKeyMaterial(
  words: readonly string[],
): readonly string[] {
  if (!words.some(isSuspect)) {
    return words;
  }
  const concealed: string[] = [];
  let insidePem = false;
  for (const word of words) {
    const begins = word.includes("-----BEGIN");
    concealed.push(insidePem ? "[hidden]" : concealWord(word, begins));
    insidePem = (insidePem || begins) && !word.includes("-----END");
  }
  return concealed;
}

const suspect = /^(?:data|engine|store):|-----BEGIN/;

function isSuspect(word: string): boolean {
  return suspect.test(word);
}

function concealWord(word: string, beginsPem: boolean): string {
  if (word.startsWith("data:")) {
    return dataOfVariable.test(word) ? word : hiddenData;
  }
  return beginsPem ? "[hidden]" : word.replace(pin, "$1=[hidden]");
}
