DROP TABLE "SignInCode";
