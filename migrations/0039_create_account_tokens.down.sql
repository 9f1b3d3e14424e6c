DROP TABLE "LoginAttempt";
DROP TABLE "PasswordResetToken";
DROP TABLE "EmailVerificationToken";
