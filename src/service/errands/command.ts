/** The word by which the program knows that it is such a child (main.ts). */
export const errandCommand = "errand";
